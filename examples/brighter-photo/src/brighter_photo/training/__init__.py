"""The training configuration and what one step does."""
