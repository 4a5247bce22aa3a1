"""Rendered threats laid into real benign scans, by physics: for a site that owns no scan of a threat."""
