"""Pyramids of images that are known in places only: colours spread from where they are known, and bands of detail."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from visioncore.extras import require

Floats = NDArray[np.float32]
Rows = Callable[[int, int], Floats]
"""Returns the rows of an image from one number to another, of which only some are in memory at a time."""

SOLID = 0.95
"""Share of a pixel, at a coarse level, from which it counts as the inside of something."""
TRUST = 4
"""Inverse of the share of a pixel, at a coarse level, from which what is known of it stands for all of it."""
STRIP = 256
"""Rows that are worked on at a time at full size, an even number."""
_MARGIN = 4


def mask_levels(mask: Floats, levels: int) -> list[Floats]:
    """Return a mask (H, W) in [0, 1] at full size and at each half of it, ``levels`` in all; fewer for a tiny one."""
    every = [mask]
    while len(every) < levels and max(every[-1].shape) > 1:
        every.append(_down(every[-1]))
    return every


def spread_levels(known: Floats, masks: list[Floats]) -> list[Floats]:
    """Return values at the levels of their mask, spread to where it is 0.

    What is known stays as it is; elsewhere it is the mean of what is known nearby, the further away the wider.

    Args:
        known: (H, W, C), values times the first of the masks; changed in place.
        masks: of `mask_levels`.
    """
    every = [known]
    for _ in masks[1:]:
        every.append(_down(every[-1]))
    mean = every[-1].sum(axis=(0, 1)) / np.maximum(masks[-1].sum(), 1e-6)
    up = np.broadcast_to(mean, every[-1].shape)
    for level in reversed(range(len(masks))):
        share = masks[level][..., None]
        trusted = np.minimum(share * TRUST, 1)
        every[level] *= trusted / np.maximum(share, 1e-6)
        every[level] += up * (1 - trusted)
        if level:
            up = grow(every[level], masks[level - 1].shape)
    return every


def spread(values: Floats, mask: Floats) -> Floats:
    """Return values (H, W, C) with those where a mask (H, W) is 1 spread to the rest of the image."""
    masks = mask_levels(mask, max(mask.shape).bit_length() + 1)
    return spread_levels(values * mask[..., None], masks)[0]


def inward(mask: Floats) -> Floats:
    """Return how far inside its outline each pixel of a mask lies: 0 on and beyond it, 1 about two pixels inside.

    Only the outline of what has an inside counts; a strand of hair has none, and is 1.
    """
    cv2 = require("cv2", "images")
    solid = cv2.dilate((mask >= SOLID).astype(np.float32), np.ones((5, 5), np.uint8))
    near = _alike(cv2.blur(solid, (3, 3)), mask)
    rising = np.clip(2 * mask - 1, 0, 1)
    return np.asarray(1 - near * (1 - rising), np.float32)


def grow(values: Floats, size: tuple[int, ...]) -> Floats:
    """Return the values of a level at the size (height, width) of the next finer one."""
    height, width = size
    if min(height, width) < 2:
        # too small for the filter of OpenCV
        picked = values.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
        return np.ascontiguousarray(picked)
    return _alike(require("cv2", "images").pyrUp(values, dstsize=(width, height)), values)


def strips(height: int) -> Iterator[tuple[int, int]]:
    """Yield the first row and the one behind the last of each strip."""
    for begin in range(0, height, STRIP):
        yield begin, min(begin + STRIP, height)


def down_by_strips(rows: Rows, height: int) -> Floats:
    """Return an image, given strip by strip, at half its size."""
    parts = []
    for begin, end in strips(height):
        above, below = max(0, begin - _MARGIN), min(height, end + _MARGIN)
        first = (begin - above) // 2
        parts.append(_down(rows(above, below))[first : first + (end - begin + 1) // 2])
    return np.concatenate(parts)


def grow_rows(values: Floats, size: tuple[int, ...], begin: int, end: int) -> Floats:
    """Return some of the rows of what `grow` returns; ``begin`` is even."""
    height, width = size
    above = max(0, begin // 2 - _MARGIN)
    below = min(len(values), (end + 1) // 2 + _MARGIN)
    last = min(height, 2 * below)
    first = begin - 2 * above
    return grow(values[above:below], (last - 2 * above, width))[first : first + end - begin]


def _down(values: Floats) -> Floats:
    return _alike(require("cv2", "images").pyrDown(values), values)


def _alike(made: object, like: Floats) -> Floats:
    """Return a result of OpenCV with as many dimensions as it was given, of which it drops a last one of size 1."""
    array = np.asarray(made, np.float32)
    return array if array.ndim == like.ndim else array[..., None]
