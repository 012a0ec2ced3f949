"""Photos in folders: pairs to measure by, and bright ones, with the samples that training draws from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from visioncore.errors import InputError, some
from visioncore.files import expand_inputs
from visioncore.images import IMAGE_SUFFIXES, read_image, to_tensor

from .synthetic import dim_photo


class Pair(NamedTuple):
    """Files of one photo: its place in either folder, and the file in dim light and in full light."""

    name: str
    dim: Path
    bright: Path


def find_pairs(folder: str | Path) -> list[Pair]:
    """Return the pairs of photos in the folders ``input`` and ``target`` of a folder, where they have one name.

    Raises:
        InputError: if there are none, or one has no partner.
    """
    dim, bright = (_by_name(Path(folder) / kind) for kind in ("input", "target"))
    if alone := sorted(dim.keys() ^ bright.keys()):
        raise InputError(f"{folder}: {len(alone)} photos are not in both input and target: {some(alone)}")
    return [Pair(name, path, bright[name]) for name, path in dim.items()]


def _by_name(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in expand_inputs([folder], IMAGE_SUFFIXES)}


def read_photos(folder: str | Path) -> list[Tensor]:
    """Return the photos in a folder, each RGB (3, H, W) in [0, 1].

    Raises:
        InputError: if there are none, or one cannot be read.
    """
    return [to_tensor(read_image(path))[0] for path in expand_inputs([folder], IMAGE_SUFFIXES)]


class DimPhotos:
    """Samples ``dim`` and ``bright``, each (3, crop, crop) in [0, 1]: the middle of a photo.

    Args:
        photos: RGB (3, H, W) in [0, 1].
        crop: side of the samples in pixels.

    Raises:
        InputError: if a photo is smaller.
    """

    def __init__(self, photos: Sequence[Tensor], crop: int) -> None:
        for number, (_, height, width) in enumerate((photo.shape for photo in photos), start=1):
            if min(height, width) < crop:
                raise InputError(f"photo {number} of {len(photos)} is {width}x{height}; crop is {crop}, which must fit")
        self.photos, self.crop = photos, crop

    def __len__(self) -> int:
        return len(self.photos)

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return the sample of photo ``index``, its light drawn from ``rng``, so that a run resumes exactly."""
        photo = self.photos[index]
        top, left = ((side - self.crop) // 2 for side in photo.shape[1:])
        bright = photo[:, top : top + self.crop, left : left + self.crop]
        return {"dim": dim_photo(bright, rng), "bright": bright}
