"""Distances of style by VGG-19: of Gram matrices, and of the statistics that the style encoder reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visioncore.backbones.vgg import drawn, read_vgg
from visioncore.extras import require

from ..network.statistics import gram, mean_std

GRAM_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
STATISTICS_LAYERS = ("relu2_1", "relu3_1", "relu4_1")
SIDE = 512
"""Longer side of an image at most, in pixels; smaller ones stay as they are."""
DRAWN_WIDTH = 16


@dataclass(frozen=True)
class StyleFeatures:
    """Features of an image, by layer.

    Attributes:
        grams: (1, C, C), of `GRAM_LAYERS`.
        statistics: mean and deviation of each channel (2, C), of `STATISTICS_LAYERS`.
    """

    grams: Mapping[str, Tensor]
    statistics: Mapping[str, Tensor]


class StyleDistances:
    """VGG-19 that compares images.

    Args:
        vgg: torchvision's file; empty for a small network that is drawn at random, whose distances compare styles too
            but are not those of papers.
        device: where it runs.

    Attributes:
        name: of the network, to stand beside the numbers that it gives.

    Raises:
        InputError: if the file cannot be read or holds something else.
    """

    def __init__(self, vgg: str | Path = "", device: torch.device | str = "cpu") -> None:
        self._vgg = (read_vgg(vgg) if vgg else drawn(DRAWN_WIDTH, 0)).to(device).eval()
        self._device = device
        self.name = f"VGG-19 of {Path(vgg).name}" if vgg else f"VGG-19, drawn, width {DRAWN_WIDTH}"

    @torch.inference_mode()
    def features(self, image: NDArray[np.uint8]) -> StyleFeatures:
        """Return the features of an RGB image (H, W, 3)."""
        pixels = torch.tensor(at_most(image, SIDE)).movedim(-1, 0)[None].float().div(255)
        maps = self._vgg(pixels.to(self._device), GRAM_LAYERS)
        return StyleFeatures(
            {layer: gram(maps[layer]) for layer in GRAM_LAYERS},
            {layer: torch.cat(mean_std(maps[layer])) for layer in STATISTICS_LAYERS},
        )

    def gram_distance(self, image: StyleFeatures, references: Sequence[StyleFeatures]) -> float:
        """Return the mean squared difference of Gram matrices, mean over five layers, then over references."""
        return _mean(
            (image.grams[layer] - each.grams[layer]).square().mean() for each in references for layer in GRAM_LAYERS
        )

    def statistics_distance(self, image: StyleFeatures, references: Sequence[StyleFeatures]) -> float:
        """Return the mean squared difference of means plus that of deviations, mean over layers and references."""
        return _mean(
            (image.statistics[layer] - each.statistics[layer]).square().mean(dim=1).sum()
            for each in references
            for layer in STATISTICS_LAYERS
        )


def _mean(values: Iterable[Tensor]) -> float:
    return float(torch.stack(list(values)).mean())


def at_most(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return an image (H, W, 3) with its longer side at most so many pixels, resized bicubically as Pillow does."""
    height, width = image.shape[:2]
    if (longer := max(height, width)) <= side:
        return image
    pillow = require("PIL.Image", "images")
    size = max(1, round(width * side / longer)), max(1, round(height * side / longer))
    resized: NDArray[np.uint8] = np.array(pillow.fromarray(image).resize(size, pillow.Resampling.BICUBIC))
    return resized
