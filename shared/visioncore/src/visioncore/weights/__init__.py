"""Weights: read without running anything, compared with a model, saved with their configuration."""
