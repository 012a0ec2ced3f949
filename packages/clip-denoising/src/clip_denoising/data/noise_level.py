"""Estimate of how strong independent noise in an image is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from visioncore.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CURVATURE = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]])


def estimate_sigma(image: NDArray[np.floating]) -> float:
    """Estimate the standard deviation of independent noise in an image (H, W) or (H, W, C), in the unit of its values.

    From the median response to a filter that is blind to planes and straight edges (after Immerkaer, 1996). Noise that
    is alike in neighbouring pixels is underestimated. 0 for an image of less than 3 pixels in a direction.

    Raises:
        InputError: if it has another number of dimensions.
    """
    import cv2

    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3:
        raise InputError(f"an image is (H, W) or (H, W, C), got {image.shape}")
    if min(image.shape[:2]) < 3:
        return 0.0
    channels = np.moveaxis(image.astype(np.float64), -1, 0)
    responses = [cv2.filter2D(channel, cv2.CV_64F, _CURVATURE / 6)[1:-1, 1:-1] for channel in channels]
    return float(np.mean([np.median(np.abs(response)) for response in responses]) / 0.6745)
