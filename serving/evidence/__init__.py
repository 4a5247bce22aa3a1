"""Evidence for a case file: one scan as a signed bundle, and the check of such a bundle."""
