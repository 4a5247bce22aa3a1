"""Measured speed: nothing here is asserted, everything is reported."""
