"""Photos in a folder, and the samples that training draws from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from visioncore.files import expand_inputs
from visioncore.images import IMAGE_SUFFIXES, read_image, to_tensor

from .synthetic import dim_photo

CROP = 64
"""Side of the square crops that are trained on, in pixels."""


def read_photos(folder: str | Path) -> list[Tensor]:
    """Return the photos in a folder, each RGB (3, H, W) in [0, 1].

    Raises:
        InputError: if there are none, or one cannot be read.
    """
    return [to_tensor(read_image(path))[0] for path in expand_inputs([folder], IMAGE_SUFFIXES)]


class DimPhotos:
    """Samples ``dim`` and ``bright``, each (3, 64, 64) in [0, 1]: the middle of a photo, a smaller one whole."""

    def __init__(self, photos: Sequence[Tensor]) -> None:
        self.photos = photos

    def __len__(self) -> int:
        return len(self.photos)

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return the sample of photo ``index``, its light drawn from ``rng``, so that a run resumes exactly."""
        photo = self.photos[index]
        top, left = (max(side - CROP, 0) // 2 for side in photo.shape[1:])
        bright = photo[:, top : top + CROP, left : left + CROP]
        return {"dim": dim_photo(bright, rng), "bright": bright}
