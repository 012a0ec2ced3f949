"""Files that are nothing but rows of numbers: .bin of KITTI and nuScenes, and .npy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError, damage
from visioncore.files import first_bytes
from visioncore.size_limit import check_size

from .columns import Columns

NAMES = ("x", "y", "z", "intensity")
"""The columns in their order; those behind them (ring, time) are left out."""


def read_bin(path: Path, columns: int | None = None) -> Columns:
    """Read rows of little-endian float32: x, y, z, intensity and what else there is.

    Args:
        path: the file.
        columns: numbers in a row; by default 5 for ``.pcd.bin`` (nuScenes) and 4 for others (KITTI).

    Raises:
        InputError: if the file is missing or empty, or its size is no multiple of a row.
    """
    width = columns or (5 if path.name.lower().endswith(".pcd.bin") else 4)
    first_bytes(path, 1)
    size = path.stat().st_size
    if size % (4 * width):
        others = [number for number in (4, 5, 6, 3) if number != width and size % (4 * number) == 0]
        hint = f"rows of {others[0]} would fit" if others else "no usual width of rows fits"
        raise InputError(
            f"{path}: {size} bytes are no whole number of rows of {width} float32 ({4 * width} bytes); the file is "
            f"truncated, or has another number of columns ({hint})"
        )
    check_size(path, size)
    values = np.fromfile(path, "<f4").reshape(-1, width)
    return dict(zip(NAMES, values.T, strict=False))


def read_npy(path: Path) -> Columns:
    """Read an array (P, 3 or more) of x, y, z, intensity and what else there is, or a structured one with such names.

    Raises:
        InputError: if it is damaged or no such array.
    """
    array = read_array(path)
    if array.dtype.names is not None:
        return {name: array[name].reshape(-1) for name in array.dtype.names}
    if array.ndim != 2 or array.shape[1] < 3 or array.dtype.kind not in "fiu":
        raise InputError(f"{path}: the array is {array.shape} {array.dtype}; a scan is (P, 3 or more) numbers")
    return dict(zip(NAMES, array.T, strict=False))


def read_array(path: Path) -> NDArray[Any]:
    """Return the array of a .npy file, which may hold no Python objects.

    Raises:
        InputError: if the file is missing, damaged, or holds something else.
    """
    first_bytes(path, 1)
    with damage(path, "is no .npy file of numbers, or truncated"):
        # as a map of the file, which numpy refuses if the header announces more than there is
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(mapped, np.ndarray):
        raise InputError(f"{path}: holds several arrays; save one as .npy")
    check_size(path, mapped.nbytes, path.stat().st_size)
    return np.array(mapped)
