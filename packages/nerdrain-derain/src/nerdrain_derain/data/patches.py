"""Photographs on disk -> rainy and clean patches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from visioncore.errors import InputError
from visioncore.images.photo_cache import Photos

from .augmentation import augment, centre_crop, random_crop
from .pairs import Pair
from .rain import Rain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Pixels = NDArray[np.uint8]


class RainyPatches:
    """Rainy and clean patches of pictures, a `visioncore.training.SampleSource`.

    Args:
        pictures: pairs of a rainy and a clean picture, or clean pictures alone, on which synthetic rain falls, new in
            every sample.
        patch: side of the square patches in pixels, a multiple of 16.
        rain: what synthetic rain may look like.
        cache_mb: how much memory decoded pictures may take, in each loading process.
    """

    def __init__(
        self, pictures: Sequence[Pair | Path], patch: int = 256, rain: Rain | None = None, cache_mb: int = 1024
    ) -> None:
        self.pictures, self.patch, self.rain, self.cache_mb = pictures, patch, rain or Rain(), cache_mb
        self._read_photo = Photos(cache_mb)

    def __len__(self) -> int:
        return len(self.pictures)

    def clean_files(self) -> list[Path]:
        """Return the clean picture of every item; several items may have the same one."""
        return [entry.clean if isinstance(entry, Pair) else entry for entry in self.pictures]

    def subset(self, indices: Sequence[int]) -> RainyPatches:
        """Return the patches of some of the pictures."""
        return RainyPatches([self.pictures[i] for i in indices], self.patch, self.rain, self.cache_mb)

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return ``rainy`` and ``clean``, each (3, patch, patch) in [0, 1], cropped and augmented as published."""
        pictures = random_crop(self._read(index), self.patch, rng)
        return self._with_rain(augment([_to_tensor(pixels) for pixels in pictures], rng), rng)

    def centre(self, index: int, side: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return ``rainy`` and ``clean``, each the centre of its picture and at most ``side`` wide and high."""
        return self._with_rain([_to_tensor(pixels) for pixels in centre_crop(self._read(index), side)], rng)

    def _read(self, index: int) -> list[Pixels]:
        entry = self.pictures[index]
        paths = entry if isinstance(entry, Pair) else (entry,)
        pictures = [self._read_photo(path) for path in paths]
        if pictures[0].shape != pictures[-1].shape:
            raise InputError(f"{paths[0]}: another size than {paths[-1]}; a pair must have one size")
        return pictures

    def _with_rain(self, pictures: list[Tensor], rng: np.random.Generator) -> dict[str, Tensor]:
        rainy, clean = pictures[0].contiguous(), pictures[-1].contiguous()
        if len(pictures) == 1:
            fallen = self.rain.fall_on(clean.permute(1, 2, 0).numpy(), rng)
            rainy = torch.from_numpy(fallen).permute(2, 0, 1).contiguous()
        return {"rainy": rainy, "clean": clean}


def _to_tensor(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)
