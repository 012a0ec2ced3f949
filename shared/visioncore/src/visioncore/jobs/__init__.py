"""A package's own command for somebody else: checked, in a process of its own, within limits."""
