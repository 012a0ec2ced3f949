"""Damaged files told in one line, whatever the library that reads them raises."""

from __future__ import annotations

import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError

# what goes wrong in readers over content that cannot be
_RAISED: tuple[type[Exception], ...] = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, OverflowError, SyntaxError),
    *(struct.error, zlib.error, zipfile.BadZipFile, pickle.UnpicklingError),
)


@contextmanager
def damage(path: Path, what: str, advice: str = "", *others: type[Exception]) -> Iterator[None]:
    """Report exceptions inside as damage of a file.

    Args:
        path: the file or folder.
        what: is damaged, such as ``the NIfTI file is truncated or damaged``; the reason follows in brackets.
        advice: what to do, with what parts it from the rest.
        others: what the library raises that is of no usual type.

    Raises:
        InputError: one raised inside as it is; one instead of anything else that a damaged file can lead to.
    """
    raised = (*_RAISED, *others)
    try:
        yield
    except InputError:
        raise
    except raised as error:
        raise InputError(f"{path}: {what} ({' '.join(str(error).split())}){advice}") from error
