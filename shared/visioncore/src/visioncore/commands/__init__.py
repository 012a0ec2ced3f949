"""The commands that are alike in every package."""
