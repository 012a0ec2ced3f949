"""How much memory a file may ask for: what it can honestly hold, and no more than a limit."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import InputError

VARIABLE = "VISIONCORE_MOST_GB"
"""The environment variable that sets the limit, in gigabytes of 10^9 bytes."""
MOST_GB = 16.0
"""The limit where it is not set: some forty thousand CT slices."""
PLAIN, DEFLATE = 1, 1032
"""How many bytes one stored byte can become: as it is; and in gzip, zip and whatever else is built on Deflate."""


def check_size(path: Path, announced: int, stored: int | None = None, packing: int = PLAIN) -> None:
    """Validate what a header announces before memory is given to it.

    Args:
        path: the file.
        announced: bytes that its content will take.
        stored: bytes that it has on the disk; None where that does not bound it.
        packing: how many bytes one of these can become at most.

    Raises:
        InputError: if the file cannot hold so much, or it is more than the limit; this names the variable that raises
            it.
    """
    if announced < 0 or (stored is not None and announced > stored * packing):
        raise InputError(
            f"{path}: the file is truncated or damaged (its header announces {_size(announced)} but it can hold no "
            f"more than {_size((stored or 0) * packing)}); fetch it again"
        )
    if announced > (most := _limit()) * 1e9:
        raise InputError(
            f"{path}: takes {_size(announced)} of memory, more than the limit of {most:g} GB; if that is right, set "
            f"{VARIABLE} to a larger number"
        )


def _limit() -> float:
    given = os.environ.get(VARIABLE, str(MOST_GB))
    try:
        most = float(given)
    except ValueError:
        most = 0.0
    if not most > 0:
        raise InputError(f"{VARIABLE} is {given!r}; it must be a number of gigabytes above 0, such as 32")
    return most


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if abs(count) >= 1e8 else f"{count:,} bytes"
