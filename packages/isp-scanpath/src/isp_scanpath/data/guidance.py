"""Guidance maps: where a task leads the eye at first, from a detector's boxes or a map of attention."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

from ..network.scanpaths import Floats, Frame

LEAST_SCORE = 0.8
"""Detections that a detector is less sure of do not count."""

_TRUNCATE = 4.0
_EPSILON = 1e-7


def from_boxes(boxes: Iterable[Iterable[float]], frame: Frame, grid: tuple[int, int]) -> NDArray[np.float32]:
    """Return the guidance map (H, W) in [0, 1] of boxes around targets; without a box it is zero.

    Args:
        boxes: x0, y0, x1, y1 in pixels of the image.
        frame: size of the image.
        grid: rows and columns of the map.
    """
    mask = np.zeros((frame.height, frame.width))
    for box in boxes:
        x0, y0, x1, y1 = (max(int(corner), 0) for corner in box)
        mask[y0:y1, x0:x1] = 1
    small = smooth_resize(mask, grid)
    return (small / (small.max() + _EPSILON)).astype(np.float32)


def from_attention(attention: NDArray[np.floating], grid: tuple[int, int]) -> NDArray[np.float32]:
    """Return the guidance map (H, W) of a map of attention of any size, over its largest value.

    Raises:
        InputError: if it is no map, or has no positive value.
    """
    if attention.ndim != 2 or not np.isfinite(attention).all():
        raise InputError(f"attention has shape {attention.shape}; it must be one map of finite numbers")
    small = smooth_resize(attention.astype(np.float64), grid)
    if small.max() <= 0:
        raise InputError("attention has no positive value")
    return (small / small.max()).astype(np.float32)


def smooth_resize(values: Floats, size: tuple[int, int]) -> Floats:
    """Return a map at another size: a Gaussian of (factor - 1) / 2 pixels where it gets smaller, then bilinear.

    It is separable: a matrix for each axis. Borders mirror without repeating the edge.
    """
    rows, columns = (_matrix(*sides) for sides in zip(values.shape, size, strict=True))
    return rows @ values @ columns.T


def _matrix(before: int, after: int) -> Floats:
    """Return the matrix (after, before) that resizes an axis."""
    factor = before / after
    place = np.clip((np.arange(after) + 0.5) * factor - 0.5, 0, before - 1)
    low = np.minimum(np.floor(place).astype(np.int64), max(before - 2, 0))
    bilinear = np.zeros((after, before))
    bilinear[np.arange(after), low] = 1 - (place - low)
    bilinear[np.arange(after), np.minimum(low + 1, before - 1)] += place - low
    sigma = max(0.0, (factor - 1) / 2)
    if sigma == 0:
        return bilinear
    reach = int(_TRUNCATE * sigma + 0.5)
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    period = max(2 * (before - 1), 1)
    source = np.abs((np.arange(before)[:, None] + offsets + before - 1) % period - (before - 1))
    blur = np.zeros((before, before))
    np.add.at(blur, (np.arange(before)[:, None], source), np.broadcast_to(kernel, source.shape))
    return bilinear @ blur
