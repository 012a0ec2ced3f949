"""Published networks that several methods stand on, each behind an extra."""
