"""The published augmentations, drawn once and applied to the rainy and the clean image alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from visioncore.inference.dihedral import turned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

_LUMA = (0.299, 0.587, 0.114)
# the published order of draws: as it is, upside down, left to right, by 90, 180 and 270 degrees counter-clockwise,
# upside down or left to right and then by 90 degrees, and as it is again
_WAYS = (0, 1, 5, 2, 4, 6, 3, 7, 0)


def random_crop(pair: list[Pixels], patch: int, rng: np.random.Generator) -> list[Pixels]:
    """Cut the same random square of ``patch`` pixels out of images (H, W, 3); short sides are padded by reflection, on
    the right and at the bottom."""
    height, width = pair[0].shape[:2]
    missing = [(0, max(0, patch - height)), (0, max(0, patch - width)), (0, 0)]
    if min(height, width) < patch:
        pair = [np.pad(pixels, missing, mode="reflect") for pixels in pair]
    top, left = rng.integers(max(0, height - patch) + 1), rng.integers(max(0, width - patch) + 1)
    return [pixels[top : top + patch, left : left + patch] for pixels in pair]


def centre_crop(pair: list[Pixels], side: int) -> list[Pixels]:
    """Cut the same centre out of images (H, W, 3): at most ``side`` wide and high, and multiples of 16 (at least 16;
    a shorter side is padded symmetrically)."""
    height, width = pair[0].shape[:2]
    tall, wide = (max(16, min(side, length) // 16 * 16) for length in (height, width))
    pair = [np.pad(p, [(0, max(0, tall - height)), (0, max(0, wide - width)), (0, 0)], mode="symmetric") for p in pair]
    top, left = max(0, height - tall) // 2, max(0, width - wide) // 2
    return [pixels[top : top + tall, left : left + wide] for pixels in pair]


def augment(pair: list[Tensor], rng: np.random.Generator) -> list[Tensor]:
    """Change the saturation in a third of the cases, then rotate or flip in seven of nine (paper, 4.1).

    Args:
        pair: images (3, H, H) in [0, 1].
        rng: draws what is done.
    """
    if rng.random() < 1 / 3:
        factor = float(rng.uniform(0.8, 1.2))
        pair = [saturate(image, factor) for image in pair]
    way = _WAYS[int(rng.integers(len(_WAYS)))]
    return [turned(image, way) for image in pair]


def saturate(image: Tensor, factor: float) -> Tensor:
    """Scale the saturation of an image (3, H, W), its distance from grey, by ``factor``; the result is in [0, 1]."""
    grey = torch.einsum("c,chw->hw", image.new_tensor(_LUMA), image)
    return torch.lerp(grey, image, factor).clamp(0, 1)
