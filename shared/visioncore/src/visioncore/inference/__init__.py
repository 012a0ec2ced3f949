"""Many inputs through a network: batches of files, tiles, the eight turned and mirrored versions."""
