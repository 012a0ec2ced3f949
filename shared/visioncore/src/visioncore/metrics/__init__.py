"""How good a result is, measured the way the papers measure it; one module for each kind of result."""
