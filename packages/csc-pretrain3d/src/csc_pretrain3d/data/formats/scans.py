"""A scan in any format, by the suffix of its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from visioncore.errors import InputError

from ..frame import Scan
from .columns import Columns, scan_of
from .las import read_las
from .pcd import read_pcd
from .ply import read_ply
from .rows import read_bin, read_npy

READERS: Mapping[str, Callable[[Path], Columns]] = {
    ".bin": read_bin,
    ".npy": read_npy,
    ".pcd": read_pcd,
    ".ply": read_ply,
    ".las": read_las,
    ".laz": read_las,
}
"""Readers of columns by the suffix of the file."""

SCAN_SUFFIXES = tuple(READERS)
"""Files that hold scans."""


def read_scan(path: str | Path, columns: int | None = None) -> Scan:
    """Read the points and intensities of a scan, in the order of the file; intensities keep the scale they have there.

    Args:
        path: .bin (rows of float32: 5 in ``.pcd.bin``, else 4), .npy (P, 3 or more), .pcd (ascii, binary, compressed),
            .ply (ascii, binary), .las or .laz (with laspy).
        columns: numbers in a row of a .bin file that has neither 4 nor 5.

    Raises:
        InputError: if the file is missing, empty, damaged, truncated or of no such kind; if it has no x, y and z, no
            point, points that are NaN, or points too far from the origin; or if laspy is not installed.
    """
    path = Path(path)
    if path.suffix.lower() == ".bin":
        return scan_of(path, read_bin(path, columns))
    return scan_of(path, read_columns(path))


def read_columns(path: Path) -> Columns:
    """Return every column of a file of points by its name.

    Raises:
        InputError: as `read_scan`, for what is wrong with the file.
    """
    reader = READERS.get(path.suffix.lower())
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name the file of a scan in it")
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if reader is None:
        raise InputError(f"{path}: scans are {', '.join(SCAN_SUFFIXES)} files")
    return reader(path)
