"""A physics renderer: phantoms in parcels, seen by a dual-energy line scanner."""
