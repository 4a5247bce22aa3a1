"""The service: scans in, verdicts out, everything kept and reviewable."""
