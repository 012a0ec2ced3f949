"""Weights: read without running any code, compared with a model, saved with their configuration."""
