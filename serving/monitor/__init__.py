"""Scans with known content that the service sends to itself, to notice when it no longer finds it."""
