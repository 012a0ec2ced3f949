"""Files -> samples: clips of any kind, made-up ones, and the motion of clips, kept."""
