"""How much memory a file may ask for: what it can honestly hold, and no more than a limit."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

from .errors import InputError, one_line

VARIABLE = "VISIONCORE_MOST_GB"
"""The environment variable that sets the limit, in gigabytes of 10^9 bytes."""
MOST_GB = 16.0
"""The limit where it is not set: some forty thousand CT slices."""
MOST_MEGAPIXELS = 500.0
"""Images of which more is announced are refused, unless VISIONCORE_MOST_MEGAPIXELS is set to more."""
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
    if announced > (most := number_from(VARIABLE, MOST_GB, "gigabytes")) * 1e9:
        raise InputError(
            f"{path}: takes {_size(announced)} of memory, more than the limit of {most:g} GB; if that is right, set "
            f"{VARIABLE} to a larger number"
        )


def check_members(path: Path, members: Iterable[zipfile.ZipInfo]) -> bool:
    """Validate the sizes that a zip file announces, and return whether all of it is stored as it is.

    Raises:
        InputError: if the file cannot hold so much, it would take more memory than the limit, or a part is
            encrypted or compressed in an unusual way.
    """
    stored, announced, packed, length = 0, 0, 0, path.stat().st_size
    for member in members:
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError(f"{path}: {one_line(member.filename)} in it is encrypted or compressed in an unusual way")
        if member.compress_type == zipfile.ZIP_STORED:
            stored += max(member.file_size, member.compress_size)
        else:
            announced, packed = announced + member.file_size, packed + member.compress_size
    if stored + packed > length:
        raise InputError(f"{path}: truncated or damaged (its parts are longer than the file); fetch or copy it again")
    check_size(path, announced, packed, DEFLATE)
    return packed == 0


def check_pixels(path: Path, width: int, height: int) -> None:
    """Validate the size of an image that a header announces, before anything is decoded.

    Raises:
        InputError: if there are no pixels, or more than the limit.
    """
    most = int(number_from("VISIONCORE_MOST_MEGAPIXELS", MOST_MEGAPIXELS, "megapixels") * 1e6)
    if width < 1 or height < 1:
        raise InputError(f"{path}: the header is damaged: it announces no pixels")
    if width * height > most:
        raise InputError(
            f"{path}: announces {width} x {height} pixels ({width * height / 1e6:.0f} megapixels); at most "
            f"{most / 1e6:.0f} megapixels are read, set VISIONCORE_MOST_MEGAPIXELS for more"
        )


def number_from(variable: str, default: float, what: str) -> float:
    """Return the limit that an environment variable sets, or the default.

    Raises:
        InputError: if it is set to something else than a number above 0.
    """
    given = os.environ.get(variable, str(default))
    try:
        most = float(given)
    except ValueError:
        most = 0.0
    if not 0 < most < float("inf"):
        raise InputError(f"{variable} is {given!r}; it must be a number of {what} above 0, such as {2 * default:g}")
    return most


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if abs(count) >= 1e8 else f"{count:,} bytes"
