"""Training by recipe."""
