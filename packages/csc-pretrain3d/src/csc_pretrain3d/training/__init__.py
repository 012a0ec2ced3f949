"""Training configuration and one training step."""
