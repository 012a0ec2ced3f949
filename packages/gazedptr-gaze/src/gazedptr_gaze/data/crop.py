"""The original view: a plain square crop around a face, not warped."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visioncore.errors import InputError
from visioncore.extras import require

WIDER = 1.3
"""Side of the crop over the larger extent of the landmarks; how wide the authors' are is not published."""


def crop_face(image: NDArray[Any], landmarks: ArrayLike, size: int = 224, wider: float = WIDER) -> NDArray[Any]:
    """Return the face (size, size, C) of an image (H, W, C): the square around the landmarks, black outside.

    Args:
        image: uint8, uint16 or float32.
        landmarks: (N, 2) pixels (x, y).
        size: side of the crop in pixels.
        wider: side of the square over the larger extent of the landmarks.

    Raises:
        InputError: if the landmarks are no extended set of points, or the square misses the image.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    side = round(float((high - low).max()) * wider)
    if side < 2:
        raise InputError(f"the landmarks are {side / wider:.1f} pixels apart at most; no face is so small")
    left, top = np.rint((low + high) / 2 - side / 2).astype(int)
    height, width = image.shape[:2]
    if left >= width or top >= height or left + side <= 0 or top + side <= 0:
        raise InputError(
            f"the face lies outside of the image, {width}x{height}, around {tuple(points.mean(0).round())}"
        )
    square = np.zeros((side, side, *image.shape[2:]), image.dtype)
    inside = image[max(top, 0) : top + side, max(left, 0) : left + side]
    square[max(-top, 0) :, max(-left, 0) :][: inside.shape[0], : inside.shape[1]] = inside
    cv2 = require("cv2", "images")
    resized: NDArray[Any] = cv2.resize(
        square, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    )
    return resized
