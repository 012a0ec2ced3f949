"""Areas of an image beside a foreground: what is inside, the ring around it, the line between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.extras import require

Pixels = NDArray[np.uint8]
"""An image (H, W, 3), RGB, or a foreground (H, W, 4) with straight alpha."""
Mask = NDArray[np.bool_]
"""(H, W)."""


def inside(foreground: Pixels) -> Mask:
    """Return where a foreground (H, W, 4) is seen more than what is behind it."""
    return np.asarray(foreground[..., 3] >= 128)


def opaque(foreground: Pixels) -> Mask:
    """Return where nothing behind a foreground (H, W, 4) is seen."""
    return np.asarray(foreground[..., 3] == 255)


def covered(foreground: Pixels) -> Mask:
    """Return where anything of a foreground (H, W, 4) is seen."""
    return np.asarray(foreground[..., 3] > 0)


def ring(mask: Mask, width: int) -> Mask:
    """Return the pixels outside a mask that are at most so far from it, by the longer of two sides."""
    return np.asarray(grown(mask, width) & ~mask)


def grown(mask: Mask, width: int) -> Mask:
    """Return a mask with the pixels around it that are at most so far away."""
    if not width:
        return mask
    cv2 = require("cv2", "images")
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel) > 0)


def eroded(mask: Mask, width: int) -> Mask:
    """Return a mask without the pixels that are at most so far from its outside; the border of the image is none."""
    return np.asarray(~grown(~mask, width))


def ring_width(mask: Mask) -> int:
    """Return the width of the ring that is compared with a foreground: a sixteenth of the image's shorter side."""
    return max(2, round(min(mask.shape) / 16))


def box_of(mask: Mask) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a mask; right and bottom lie behind its last pixels.

    Raises:
        InputError: if it is empty.
    """
    check_mask(mask)
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def check_mask(mask: Mask, image: Pixels | None = None) -> None:
    """Check that a mask is not empty and has the size of its image.

    Raises:
        InputError: if not.
    """
    if image is not None and image.shape[:2] != mask.shape:
        raise InputError(f"the image is {image.shape[:2]} and its mask {mask.shape}; both must be (H, W) of one size")
    if not mask.any():
        raise InputError("the mask is empty; it must have a pixel at least")
