"""Images on disk -> noisy and clean patches, with noise that is added anew in every sample or was stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from visioncore.errors import InputError
from visioncore.images.photo_cache import Photos
from visioncore.inference.dihedral import WAYS, turned_pixels

from .datasets import Pair
from .noise import Corruption, Rng, as_floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Pixels = NDArray[Any]

Read = Callable[[Path], "Pixels"]
"""File -> image (H, W, C), uint8 or float32 in [0, 1]."""


class Patches:
    """Noisy and clean patches of images, a `visioncore.training.SampleSource`.

    Args:
        images: pairs of a noisy and a clean image, or clean images alone.
        noise: what is done to clean images that have no noisy one.
        patch: side of the square patches in pixels.
        read: how a file is read; by default as a photo that is kept in memory.
    """

    def __init__(
        self,
        images: Sequence[Pair | Path],
        noise: Corruption | None = None,
        *,
        patch: int = 128,
        read: Read | None = None,
    ) -> None:
        self.images, self.noise, self.patch, self.read = images, noise, patch, read or Photos()
        alone = [image for image in images if not isinstance(image, Pair)]
        if alone and noise is None:
            raise InputError(f"{alone[0]}: a clean image alone; name its noisy one, or a noise to add")

    def __len__(self) -> int:
        return len(self.images)

    def clean_files(self) -> list[Path]:
        """Return the clean image of every item; several items may have the same one."""
        return [entry.clean if isinstance(entry, Pair) else entry for entry in self.images]

    def subset(self, indices: Sequence[int]) -> Patches:
        """Return the patches of some of the images."""
        return Patches([self.images[i] for i in indices], self.noise, patch=self.patch, read=self.read)

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return ``noisy`` and ``clean``, each (C, patch, patch) float32: a random crop, rotated and flipped at random.

        ``clean`` is in [0, 1]; ``noisy`` as its noise has it, so possibly beyond. Squares that reach over the right or
        the lower border of a small image are mirrored there.
        """
        images = [_padded(image, self.patch) for image in self._load(index)]
        height, width = images[0].shape[:2]
        top, left = rng.integers(height - self.patch + 1), rng.integers(width - self.patch + 1)
        way = int(rng.integers(WAYS))
        noisy, clean = self._cut(images, top, left, self.patch, self.patch, rng)
        return {"noisy": _to_tensor(turned_pixels(noisy, way)), "clean": _to_tensor(turned_pixels(clean, way))}

    def centre(self, index: int, side: int | None = None) -> dict[str, Tensor]:
        """Return ``noisy`` and ``clean``, each the centre crop (C, H, W) float32, the same every time.

        The noise comes from a generator that starts at 0 for every image, as in the published tests.

        Args:
            index: which image.
            side: the height and the width are at most this; None takes the whole image.
        """
        images = self._load(index)
        height, width = images[0].shape[:2]
        tall, wide = (length if side is None else min(side, length) for length in (height, width))
        rng = np.random.RandomState(0)
        noisy, clean = self._cut(images, (height - tall) // 2, (width - wide) // 2, tall, wide, rng)
        return {"noisy": _to_tensor(noisy), "clean": _to_tensor(clean)}

    def _load(self, index: int) -> list[Pixels]:
        """Return the stored noisy image, if there is one, and the clean one."""
        entry = self.images[index]
        paths = entry if isinstance(entry, Pair) else (entry,)
        images = [self.read(path) for path in paths]
        if images[0].shape != images[-1].shape:
            sizes = " and ".join(f"{width}x{height}" for height, width, *_ in (p.shape for p in images))
            raise InputError(f"{paths[0]}: another size than {paths[-1]} (width x height {sizes}); a pair has one size")
        return images

    def _cut(
        self, images: list[Pixels], top: int, left: int, height: int, width: int, rng: Rng
    ) -> tuple[Floats, Floats]:
        """Return a crop of an image, noisy and clean, each (height, width, C)."""
        if len(images) == 2:
            noisy, clean = (as_floats(p[top : top + height, left : left + width]) for p in images)
            return noisy, clean
        assert self.noise is not None  # __init__ has seen to it
        margin = self.noise.margin
        above, before = min(margin, top), min(margin, left)
        wider = as_floats(images[0][top - above : top + height + margin, left - before : left + width + margin])
        inside = slice(above, above + height), slice(before, before + width)
        # noise before turning: of all kinds of noise there are, none has a direction
        return self.noise(wider, rng)[inside], wider[inside]


def _padded(image: Pixels, side: int) -> Pixels:
    """Return an image padded symmetrically on the right and at the bottom to at least ``side``."""
    missing = [max(0, side - length) for length in image.shape[:2]]
    if not any(missing):
        return image
    return np.pad(image, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="symmetric")


def _to_tensor(pixels: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
