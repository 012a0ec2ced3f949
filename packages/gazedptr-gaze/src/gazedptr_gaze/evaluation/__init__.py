"""The protocols of the paper: angular errors over three folds, and zones."""
