"""Metrics as the papers define them; one module for each kind of result."""
