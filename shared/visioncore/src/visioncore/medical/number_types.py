"""Types of numbers in files: read as plain ones, written back as what they were."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def plain_numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Return ``array`` in the machine's byte order, Booleans as 0 and 1, and floats with 64 bit at most."""
    kind = np.dtype(np.uint8) if array.dtype.kind == "b" else array.dtype.newbyteorder("=")
    if kind.kind == "f" and kind.itemsize > 8:
        kind = np.dtype(np.float64)
    return array.astype(kind, copy=False)


def as_type(values: NDArray[Any], dtype: np.dtype[Any], bits: int | None = None) -> NDArray[Any]:
    """Return finite values as numbers of another type: whole ones rounded, and those out of range the nearest in it.

    Args:
        values: of any shape.
        dtype: the type.
        bits: how many of its bits are in use, if not all.
    """
    if dtype.kind == "f":
        return values.astype(dtype)
    used = bits or 8 * dtype.itemsize
    low, high = (-(2 ** (used - 1)), 2 ** (used - 1) - 1) if dtype.kind == "i" else (0, 2**used - 1)
    # float32 has not all the whole numbers of 32 bits
    return np.clip(np.rint(values.astype(np.float64)), low, high).astype(dtype)
