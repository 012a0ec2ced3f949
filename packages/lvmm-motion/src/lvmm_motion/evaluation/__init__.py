"""The protocols of the paper."""
