"""The baseline of the evaluation: non-local means with an estimated noise level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from visioncore.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRENGTH = 0.85
"""Filter strength for each unit of estimated noise: the best of a few on photos of BSDS500 that are not in CBSD68, with
Gaussian, spatial and Poisson noise. Chosen on kinds of noise that it is measured on, it is the stronger a baseline."""
PATCH, WINDOW = 5, 21
"""Sides in pixels of the patches that are compared, and of the square in which they are looked for."""

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


def non_local_means(noisy: Tensor, sigma: float | None = None) -> Tensor:
    """Return images denoised by non-local means over all channels.

    Args:
        noisy: (B, 1 or 3, H, W) in [0, 1]; clipped and rounded to 8 bit, which of CT are steps of 16 HU.
        sigma: standard deviation of the noise; None estimates it for each image.

    Returns:
        The same shape, float32 on the CPU.
    """
    import cv2

    results = []
    for image in noisy.detach().cpu().permute(0, 2, 3, 1).numpy():
        level = estimate_sigma(image) if sigma is None else sigma
        pixels = np.rint(image.clip(0, 1) * 255).astype(np.uint8)
        smooth = cv2.fastNlMeansDenoising(pixels, None, max(STRENGTH * 255 * level, 1e-3), PATCH, WINDOW)
        results.append(smooth.reshape(pixels.shape).astype(np.float32) / np.float32(255))
    return torch.from_numpy(np.stack(results)).permute(0, 3, 1, 2).contiguous()
