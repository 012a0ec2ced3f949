"""Training by recipe, and fine-tuning of one style."""
