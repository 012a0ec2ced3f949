"""Convolutions in fewer multiplications, for inference."""
