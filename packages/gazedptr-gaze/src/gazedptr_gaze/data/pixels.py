"""Images of any depth and size -> the 8-bit squares that networks take, alike in training and in prediction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from visioncore.extras import require
from visioncore.images import Image, eight_bit

DEPTHS = (10, 12, 14, 16)
"""Bits that cameras put into 16-bit values."""


def eight_bits(image: Image) -> NDArray[np.uint8]:
    """Return the pixels (H, W, 3) of an image in 8 bit; of 16-bit values the lowest bits that hold them all count."""
    if image.bits == 8:
        return np.ascontiguousarray(image.pixels, np.uint8)
    highest = int(image.pixels.max())
    bits = next(bits for bits in DEPTHS if highest < 2**bits)
    return eight_bit((image.pixels.astype(np.uint32) * 65535 // (2**bits - 1)).astype(np.uint16))


def resized(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Return an image (H, W, C) as (size, size, C); one of that size as it is."""
    if pixels.shape[:2] == (size, size):
        return pixels
    cv2 = require("cv2", "images")
    smaller = min(pixels.shape[:2]) > size
    found: NDArray[np.uint8] = cv2.resize(
        pixels, (size, size), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    )
    return found
