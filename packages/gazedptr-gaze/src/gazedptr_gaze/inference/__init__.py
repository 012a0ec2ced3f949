"""A camera image, a video or ready crops in, gazes and zones out."""
