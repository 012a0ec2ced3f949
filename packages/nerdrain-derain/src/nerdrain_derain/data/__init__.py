"""Files -> samples."""
