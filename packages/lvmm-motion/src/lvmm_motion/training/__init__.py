"""Training by recipe: the auto-encoder, the motion denoiser, the frame denoiser, in this order."""
