"""Robustness of features to noise: similarity between those of clean and noisy images, the method's motivation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from visioncore.errors import InputError
from visioncore.images import eight_bit, read_image
from visioncore.inference.batch import progress
from visioncore.inference.tiling import pad_to_multiple
from visioncore.report import Table, save_tables

from ..data.datasets import find_photos
from ..data.noise import TABLE, Noise, as_floats

Features = Callable[[Tensor], Sequence[Tensor]]
"""Image (1, C, H, W) in [0, 1], its sides multiples of 32 -> features (1, C_i, H_i, W_i), from fine to coarse."""

LEVELS = ("image", "stem", "layer1", "layer2", "layer3")
"""Names of the encoder's features; the first is the noisy image itself."""


@dataclass(frozen=True)
class Similarity:
    """Similarity of the features of clean and of noisy images: 1 where noise changes nothing.

    Attributes:
        noises: kinds and levels.
        levels: names of the features.
        cosine: (noises, levels, images), cosine of the angle between the two as vectors.
        cka: (noises, levels, images), linear centred kernel alignment, positions being the samples.
    """

    noises: list[str]
    levels: list[str]
    cosine: np.ndarray
    cka: np.ndarray

    def table(self) -> Table:
        """Return a row for every noise and level: means over the images."""
        table = Table(["noise", "feature", "cosine", "cka"])
        for row, noise in enumerate(self.noises):
            for column, level in enumerate(self.levels):
                table.add(noise, level, float(self.cosine[row, column].mean()), float(self.cka[row, column].mean()))
        return table

    def save(self, out: str | Path) -> None:
        """Write ``similarity.csv`` and ``.md``, and ``report.json``, into a folder.

        Raises:
            InputError: if it cannot be written.
        """
        table = self.table()
        means = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        save_tables(out, {"similarity": table}, {"images": self.cosine.shape[-1], "means": means})


@torch.no_grad()
def analyze(
    features: Features, data: str | Path, *, noises: Sequence[Noise] = TABLE, levels: Sequence[str] = LEVELS
) -> Similarity:
    """Compare the features of clean photos with those of the same photos with noise.

    Photos are fed as they are, without the mean, standard deviation and size that CLIP asks for; the right and the
    lower side are mirrored to multiples of 32.

    Args:
        features: what makes features of an image, in eval mode.
        data: clean photos.
        noises: kinds and levels.
        levels: names of the features.

    Raises:
        InputError: if there are no photos, or there are not as many features as names.
    """
    photos = find_photos(data)
    cosines, alignments = (np.empty((len(noises), len(levels), len(photos))) for _ in range(2))
    with progress(len(photos), "images") as advance:
        for index, photo in enumerate(photos):
            pixels = as_floats(eight_bit(read_image(photo).pixels))
            clean = features(_padded(pixels))
            if len(clean) != len(levels):
                raise InputError(f"there are {len(clean)} features, but {len(levels)} names: {', '.join(levels)}")
            for row, noise in enumerate(noises):
                noisy = features(_padded(noise(pixels, np.random.RandomState(0))))
                for column, (x, y) in enumerate(zip(clean, noisy, strict=True)):
                    cosines[row, column, index] = float(cosine_similarity(x, y))
                    alignments[row, column, index] = float(linear_cka(x, y))
            advance()
    return Similarity([str(noise) for noise in noises], list(levels), cosines, alignments)


def _padded(pixels: np.ndarray) -> Tensor:
    """Return (H, W, 3) as (1, 3, H', W') with sides that are multiples of 32."""
    return pad_to_multiple(torch.from_numpy(pixels).permute(2, 0, 1)[None], 32)


def cosine_similarity(x: Tensor, y: Tensor) -> Tensor:
    """Return the cosine of the angle between two tensors of one shape, taken as vectors; float64."""
    x, y = x.double().flatten(), y.double().flatten()
    return x @ y / (x.norm() * y.norm())


def linear_cka(x: Tensor, y: Tensor) -> Tensor:
    """Return the linear centred kernel alignment (Kornblith et al., 2019) of features (1, C, H, W), float64, 0 to 1.

    Positions are the samples and channels the features, so that neither a rotation of the channels nor a common scale
    changes anything. NaN where one of the two is the same everywhere.
    """
    x, y = (features.double().flatten(2)[0].T for features in (x, y))
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    return (x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm())
