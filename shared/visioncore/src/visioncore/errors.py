"""The exception for bad input, with the one line that says what would be right; and help with its text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(ValueError):
    """Bad input, told in one line: what was wrong, where, and what would be right.

    Commands print its text without a traceback and exit with code 2, or count the file as failed and go on.
    """


def some(names: Iterable[str], most: int | None = 8) -> str:
    """Return the first few names as text for a message, and how many more there are; None for all of them.

    They may come from a hostile file: what cannot be printed in them, and what is too long, is left out.
    """
    every = [name if name.isprintable() and len(name) < 300 else one_line(name) for name in names]
    shown = every[:most]
    more = len(every) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def escaped(text: str) -> str:
    """Return text with the bytes of file names that are no UTF-8 written as ``\\xe9``, so that it can be encoded."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@contextmanager
def damage(path: Path, what: str, advice: str = "") -> Iterator[None]:
    """Report exceptions inside as damage of a file; only calls of libraries that read it belong there.

    Args:
        path: the file or folder.
        what: is damaged, such as ``the NIfTI file is truncated or damaged``; the reason follows in brackets.
        advice: what to do, with what parts it from the rest.

    Raises:
        InputError: one raised inside as it is; one instead of anything else, for libraries raise errors of every type
            over content that they did not expect.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: {what} ({one_line(error)}){advice}") from error


def one_line(error: object, most: int = 300) -> str:
    """Return the text of an exception or a warning as one line of a length that can be read, or its type's name."""
    text = "".join(sign if sign.isprintable() else " " for sign in str(error))
    text = " ".join(text.split()) or type(error).__name__
    return text if len(text) <= most else f"{text[:most]}..."
