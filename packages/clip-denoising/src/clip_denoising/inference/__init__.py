"""From an input to a result."""
