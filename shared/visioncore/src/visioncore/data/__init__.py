"""Data sets of images with captions: where images lie, which are dropped, and what is kept of them."""
