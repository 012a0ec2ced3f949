"""The commands that are alike in every package, and the options that commands share."""
