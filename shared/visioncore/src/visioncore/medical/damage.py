"""Damaged files told in one line, whatever the library that reads them raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError


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
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: {what} ({reason}){advice}") from error
