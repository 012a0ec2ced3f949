"""Regions of images as annotation files tell them: polygons, and runs of pixels by columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

Mask = NDArray[np.bool_]


def polygon_mask(polygons: Sequence[Sequence[float]], height: int, width: int) -> Mask:
    """Return the pixels (H, W) whose centres lie in one of several polygons.

    Args:
        polygons: corners x, y, x, y, ... each, in pixels from the upper left corner of the image; closed by itself.
        height: of the image.
        width: of the image.

    Raises:
        InputError: if a polygon has fewer than three corners, or a number of one is missing or not finite.
    """
    mask = np.zeros((height, width), bool)
    for polygon in polygons:
        numbers = np.asarray(polygon, np.float64)
        if numbers.ndim != 1 or len(numbers) < 6 or len(numbers) % 2 or not np.isfinite(numbers).all():
            raise InputError("a polygon must have at least three corners, of two numbers each")
        mask |= _filled(numbers.reshape(-1, 2), height, width)
    return mask


def _filled(corners: NDArray[np.float64], height: int, width: int) -> Mask:
    """Return the pixels from whose centres a ray to the left crosses an odd number of edges."""
    (x, y), (x_next, y_next) = corners.T, np.roll(corners, -1, axis=0).T
    rows = np.arange(height)[:, None] + 0.5
    row, edge = np.nonzero((y <= rows) != (y_next <= rows))
    across = x[edge] + (row + 0.5 - y[edge]) * (x_next - x)[edge] / (y_next - y)[edge]
    crossings = np.zeros((height, width + 1), np.int64)
    np.add.at(crossings, (row, np.clip(np.ceil(across - 0.5), 0, width).astype(np.int64)), 1)
    odd: Mask = crossings[:, :width].cumsum(axis=1) % 2 == 1
    return odd


def run_mask(counts: str | Sequence[int], height: int, width: int) -> Mask:
    """Return the pixels (H, W) of runs outside and inside in turn, down the columns; the first run is outside.

    Args:
        counts: lengths of the runs, or the text that COCO packs them into.
        height: of the image.
        width: of the image.

    Raises:
        InputError: if they are no such runs, or do not fill the image.
    """
    lengths = np.asarray(_unpacked(counts) if isinstance(counts, str) else counts)
    if lengths.ndim != 1 or lengths.dtype.kind != "i" or (lengths < 0).any() or lengths.sum() != height * width:
        raise InputError(f"runs must be whole numbers, {height * width} together for {width} x {height} pixels")
    inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(inside, lengths).reshape(width, height).T


def _unpacked(text: str) -> list[int]:
    """Return numbers from text: five bits a sign, the lowest first; from the third on, what was added two before."""
    found, value, shift = list[int](), 0, 0
    for sign in text:
        bits = ord(sign) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise InputError("runs packed as text may have the signs 0 to o alone")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            found.append(value + (found[-2] if len(found) > 2 else 0))
            value = shift = 0
    if shift:
        raise InputError("runs packed as text end in the middle of a number")
    return found


def check_white(mask: NDArray[np.generic], where: str = "") -> None:
    """Check that a mask (H, W) of whole numbers is not meant as truth values.

    Raises:
        InputError: if it is at most 1.
    """
    if mask.dtype in (np.uint8, np.uint16) and mask.max(initial=0) == 1:
        white = 255 if mask.dtype == np.uint8 else 65535
        raise InputError(f"{where}the mask is at most 1 of {white}; multiply it by that, or give truth values")
