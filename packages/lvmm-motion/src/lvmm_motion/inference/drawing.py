"""Motion drawn: slices through time, and flow fields in colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def time_slice(frames: Pixels, row: int | None = None) -> Pixels:
    """Return one row of frames (n, H, W, 3) over time: an image (n, W, 3), in which what moves is not straight.

    Args:
        frames: of a clip.
        row: from the top; None for the middle one.

    Raises:
        ValueError: if there is no such row.
    """
    height = frames.shape[1]
    row = height // 2 if row is None else row
    if not 0 <= row < height:
        raise ValueError(f"row is {row}; frames have rows 0 to {height - 1}")
    return np.ascontiguousarray(frames[:, row])


def flow_image(offsets: NDArray[np.floating], most: float | None = None) -> Pixels:
    """Return a flow field in colours (h, w, 3): the hue is its direction, and the further, the more colourful.

    Right is red, down is yellow-green, left is cyan and up is violet; white does not move.

    Args:
        offsets: (h, w, 2), (x, y) to the right and down, in any unit.
        most: length at which colours are full; None for the longest there is.
    """
    x, y = (np.asarray(offsets[..., axis], np.float64) for axis in (0, 1))
    length = np.hypot(x, y)
    most = float(length.max()) if most is None else most
    share = np.clip(length / most, 0, 1) if most > 0 else np.zeros_like(length)
    hue = np.arctan2(y, x) / (2 * np.pi) % 1
    # of HSV at full value: each colour is full within a third of the circle around its own hue
    distance = np.abs((hue[..., None] - np.array([0, 1 / 3, 2 / 3]) + 0.5) % 1 - 0.5)
    pure = np.clip(2 - 6 * distance, 0, 1)
    return (255 * (1 - share[..., None] * (1 - pure))).round().astype(np.uint8)
