"""Input -> result."""
