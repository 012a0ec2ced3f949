"""Photos on disk -> rainy and clean patches."""

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
    """Rainy and clean patches of images, a `visioncore.training.SampleSource`.

    Args:
        images: pairs of a rainy and a clean image, or clean images alone, which get synthetic rain, new in
            every sample.
        patch: side of the square patches in pixels, a multiple of 16.
        rain: the look of synthetic rain.
        cache_mb: how much memory decoded images may take, in each loading process.
    """

    def __init__(
        self, images: Sequence[Pair | Path], patch: int = 256, rain: Rain | None = None, cache_mb: int = 1024
    ) -> None:
        self.images, self.patch, self.rain, self.cache_mb = images, patch, rain or Rain(), cache_mb
        self._read_photo = Photos(cache_mb)

    def __len__(self) -> int:
        return len(self.images)

    def clean_files(self) -> list[Path]:
        """Return the clean image of every item; several items may have the same one."""
        return [entry.clean if isinstance(entry, Pair) else entry for entry in self.images]

    def subset(self, indices: Sequence[int]) -> RainyPatches:
        """Return the patches of some of the images."""
        return RainyPatches([self.images[i] for i in indices], self.patch, self.rain, self.cache_mb)

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return ``rainy`` and ``clean``, each (3, patch, patch) in [0, 1], cropped and augmented as published."""
        images = random_crop(self._read(index), self.patch, rng)
        return self._with_rain(augment([_to_tensor(pixels) for pixels in images], rng), rng)

    def centre(self, index: int, side: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return ``rainy`` and ``clean``, each a centre crop of its image, at most ``side`` wide and high."""
        return self._with_rain([_to_tensor(pixels) for pixels in centre_crop(self._read(index), side)], rng)

    def _read(self, index: int) -> list[Pixels]:
        entry = self.images[index]
        paths = entry if isinstance(entry, Pair) else (entry,)
        images = [self._read_photo(path) for path in paths]
        if images[0].shape != images[-1].shape:
            raise InputError(f"{paths[0]}: another size than {paths[-1]}; a pair must have one size")
        return images

    def _with_rain(self, images: list[Tensor], rng: np.random.Generator) -> dict[str, Tensor]:
        rainy, clean = images[0].contiguous(), images[-1].contiguous()
        if len(images) == 1:
            fallen = self.rain.fall_on(clean.permute(1, 2, 0).numpy(), rng)
            rainy = torch.from_numpy(fallen).permute(2, 0, 1).contiguous()
        return {"rainy": rainy, "clean": clean}


def _to_tensor(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)
