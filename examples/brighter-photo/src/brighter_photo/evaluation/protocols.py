"""The paper's protocol: PSNR of photos that were dimmed with a fixed seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from visioncore.metrics.image import psnr

from ..data.synthetic import dim_photo
from ..inference.predictor import Predictor


def evaluate(photos: Sequence[Tensor], predictor: Predictor) -> dict[str, float]:
    """Return the mean RGB PSNR in dB of dimmed photos and of what a predictor makes of them.

    Args:
        photos: RGB (3, H, W) in [0, 1]; number ``index`` is dimmed with the seed ``index``.
        predictor: makes them bright.

    Returns:
        ``psnr_dim`` and ``psnr_bright``.
    """
    values: dict[str, list[float]] = {"psnr_dim": [], "psnr_bright": []}
    for index, photo in enumerate(photos):
        dim = dim_photo(photo, np.random.default_rng(index))[None]
        for name, image in zip(values, (dim, predictor.restore(dim).clamp(0, 1)), strict=True):
            values[name].append(float(psnr(image, photo[None], "colour")))
    return {name: float(np.mean(each)) for name, each in values.items()}
