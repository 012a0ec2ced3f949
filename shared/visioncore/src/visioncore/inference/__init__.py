"""Prediction for many inputs: batches of files, tiles, self-ensemble."""
