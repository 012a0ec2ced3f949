"""The original view: a plain square crop around a face, not warped."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visioncore.errors import InputError
from visioncore.extras import require

WIDER = 1.3
"""Side of the crop over the larger extent of the landmarks; how wide the authors' are is not published."""
LARGEST = 5
"""Most of the extent of landmarks over the longer side of the image, of which a face may be seen in part."""


def face_box(landmarks: ArrayLike) -> tuple[float, float, float, float]:
    """Return the square around the landmarks of a face, (x0, y0, x1, y1) in pixels, which may reach out of the image.

    Args:
        landmarks: (N, 2) pixels (x, y).

    Raises:
        InputError: if they are not two or more finite points, or less than 1.5 pixels apart.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2 or not np.isfinite(points).all():
        raise InputError(f"landmarks have shape {points.shape}; they must be two or more finite points (x, y)")
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max())
    if round(extent * WIDER) < 2:
        raise InputError(f"the landmarks are {extent:.1f} pixels apart at most; no face is so small")
    (x, y), half = (low + high) / 2, extent * WIDER / 2
    return float(x - half), float(y - half), float(x + half), float(y + half)


def crop_face(image: NDArray[Any], landmarks: ArrayLike, size: int = 224) -> NDArray[Any]:
    """Return the face (size, size, C) of an image (H, W, C): the square around the landmarks, black outside.

    Args:
        image: uint8, uint16 or float32; (H, W) gives (size, size).
        landmarks: (N, 2) pixels (x, y).
        size: side of the crop in pixels.

    Raises:
        InputError: if the image is empty or none, as `face_box`, or the square misses the image or is far larger.
    """
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise InputError(f"the image has shape {image.shape}; it must be (H, W) or (H, W, C) and not empty")
    if size < 1:
        raise InputError(f"size is {size}; it must be at least 1")
    x0, y0, x1, y1 = face_box(landmarks)
    (height, width), x, y = image.shape[:2], (x0 + x1) / 2, (y0 + y1) / 2
    if x1 - x0 > LARGEST * WIDER * max(height, width):
        told = f"the landmarks are {(x1 - x0) / WIDER:.3g} pixels apart"
        raise InputError(f"{told}; no face in an image of {width}x{height} is so large")
    side = round(x1 - x0)
    left, top = round(x - side / 2), round(y - side / 2)
    if left >= width or top >= height or left + side <= 0 or top + side <= 0:
        raise InputError(f"the face lies outside of the image, {width}x{height}, around ({x:.0f}, {y:.0f})")
    square = np.zeros((side, side, *image.shape[2:]), image.dtype)
    inside = image[max(top, 0) : top + side, max(left, 0) : left + side]
    square[max(-top, 0) :, max(-left, 0) :][: inside.shape[0], : inside.shape[1]] = inside
    cv2 = require("cv2", "images")
    cropped: NDArray[Any] = cv2.resize(
        square, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    )
    return cropped
