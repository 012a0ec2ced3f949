"""Predictions for other programs: over MCP and over HTTP, by the packages' own commands, within limits."""
