"""The one exception that means: what was given is wrong, and here is what would be right."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input, told in one line: what was wrong, where, and what would be right.

    Commands print its text without a traceback and exit with code 2, or count the file as failed and go on.
    """
