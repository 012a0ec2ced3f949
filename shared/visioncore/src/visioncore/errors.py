"""The exception for bad input, with the one line that says what would be right; and help with its text."""

from __future__ import annotations

from collections.abc import Iterable


class InputError(ValueError):
    """Bad input, told in one line: what was wrong, where, and what would be right.

    Commands print its text without a traceback and exit with code 2, or count the file as failed and go on.
    """


def some(names: Iterable[str], most: int | None = 8) -> str:
    """Return the first few names as text for a message, and how many more there are; None for all of them."""
    every = list(names)
    shown = every[:most]
    more = len(every) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def escaped(text: str) -> str:
    """Return text with the bytes of file names that are no UTF-8 written as ``\\xe9``, so that it can be encoded."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
