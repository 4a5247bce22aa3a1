"""The catalogue of annotated scans, and the physics renderer that fills it."""
