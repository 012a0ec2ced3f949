"""Non-local means with an estimated noise level: the plain filter to compare with."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from visioncore.images import Image, from_tensor, to_tensor

from ..data.noise_level import estimate_sigma

STRENGTH = 0.85
"""Filter strength for each unit of estimated noise: the best of a few on photos of BSDS500 that are not in CBSD68, with
Gaussian, spatial and Poisson noise. Chosen on kinds of noise that it is measured on, it is the stronger a baseline."""
PATCH, WINDOW = 5, 21
"""Sides in pixels of the patches that are compared, and of the square in which they are looked for."""


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


def plain(noisy: Image) -> Image:
    """Return an image denoised by `non_local_means`, which estimates its noise; with the depth and all that it had."""
    return from_tensor(non_local_means(to_tensor(noisy)), like=noisy)
