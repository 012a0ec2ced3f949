"""The baselines of the evaluation: classical filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from visioncore.images import Image, eight_bit, to_tensor
from visioncore.metrics.image import psnr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


def median(pixels: Pixels, size: int) -> Pixels:
    """Median of ``size`` x ``size`` pixels of (H, W, 3)."""
    import cv2

    return np.asarray(cv2.medianBlur(pixels, size), dtype=np.uint8)


def bilateral(pixels: Pixels, strength: float) -> Pixels:
    """Mean of (H, W, 3) over 9 x 9 pixels that are alike: within about ``strength`` of 255 in colour."""
    import cv2

    return np.asarray(cv2.bilateralFilter(pixels, 9, strength, 3.0), dtype=np.uint8)


def guided(pixels: Pixels, epsilon: float, reach: int = 4) -> Pixels:
    """Guided filter of each channel of (H, W, 3) by itself (He, Sun and Tang, 2010).

    Args:
        pixels: the image.
        epsilon: variance, of values in [0, 1], up to which structure is smoothed.
        reach: half side of its windows.
    """
    import cv2

    def mean(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.blur(x, (2 * reach + 1, 2 * reach + 1)), dtype=np.float32)

    x = (pixels / np.float32(255)).astype(np.float32)
    average = mean(x)
    variance = mean(x * x) - average**2
    slope = variance / (variance + np.float32(epsilon))
    smooth = mean(slope) * x + mean((1 - slope) * average)
    return np.asarray(np.rint(np.clip(smooth, 0, 1) * 255), dtype=np.uint8)


FILTERS: dict[str, Callable[[Pixels], Pixels]] = {
    **{f"median {size}x{size}": partial(median, size=size) for size in (3, 5, 7)},
    **{f"bilateral {strength:g}": partial(bilateral, strength=strength) for strength in (25.0, 50.0, 100.0)},
    **{f"guided {epsilon}": partial(guided, epsilon=epsilon) for epsilon in (0.001, 0.01, 0.04)},
}
"""Filters by name, each with settings from careful to strong; the bar is the best of them on the images at hand."""


def best_filter(pairs: Iterable[tuple[Image, Image]], protocol: str = "y_A") -> tuple[str, float]:
    """Return the filter with the highest mean PSNR over (rainy, clean) images in 8 bit, and that PSNR in dB."""
    values: dict[str, list[float]] = {name: [] for name in FILTERS}
    for rainy, clean in pairs:
        target = to_tensor(clean)
        for name, smooth in FILTERS.items():
            values[name].append(float(psnr(to_tensor(Image(smooth(eight_bit(rainy.pixels)))), target, protocol)))
    means = {name: float(np.mean(each)) for name, each in values.items()}
    best = max(means, key=lambda name: means[name])
    return best, means[best]
