"""Files -> samples: captioned images in several layouts, and what is made of them for training."""
