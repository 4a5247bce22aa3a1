"""Runs a candidate model beside the serving one and reports where they differ."""
