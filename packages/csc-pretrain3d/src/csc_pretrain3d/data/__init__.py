"""Files -> samples: photos in a folder, and synthetic ones."""
