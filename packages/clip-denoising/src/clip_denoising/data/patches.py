"""Pictures on disk -> noisy and clean patches: noise is added here, new in every sample, or was stored."""

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
"""File -> picture (H, W, C), uint8 or float32 in [0, 1]."""


class Patches:
    """Noisy and clean patches of pictures, a `visioncore.training.SampleSource`.

    Args:
        pictures: pairs of a noisy and a clean picture, or clean pictures alone.
        noise: what is done to clean pictures that have no noisy one.
        patch: side of the square patches in pixels.
        read: how a file is read; by default as a photo that is kept in memory.
    """

    def __init__(
        self,
        pictures: Sequence[Pair | Path],
        noise: Corruption | None = None,
        *,
        patch: int = 128,
        read: Read | None = None,
    ) -> None:
        self.pictures, self.noise, self.patch, self.read = pictures, noise, patch, read or Photos()
        alone = [picture for picture in pictures if not isinstance(picture, Pair)]
        if alone and noise is None:
            raise InputError(f"{alone[0]}: a clean picture alone; name its noisy one, or a noise to add")

    def __len__(self) -> int:
        return len(self.pictures)

    def clean_files(self) -> list[Path]:
        """Return the clean picture of every item; several items may have the same one."""
        return [entry.clean if isinstance(entry, Pair) else entry for entry in self.pictures]

    def subset(self, indices: Sequence[int]) -> Patches:
        """Return the patches of some of the pictures."""
        return Patches([self.pictures[i] for i in indices], self.noise, patch=self.patch, read=self.read)

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return ``noisy`` and ``clean``, each (C, patch, patch) float32: a random square, turned in one of eight ways.

        ``clean`` is in [0, 1]; ``noisy`` as its noise has it, so possibly beyond. Squares that reach over the right or
        the lower border of a small picture are mirrored there.
        """
        pictures = [_enlarged(picture, self.patch) for picture in self._load(index)]
        height, width = pictures[0].shape[:2]
        top, left = rng.integers(height - self.patch + 1), rng.integers(width - self.patch + 1)
        way = int(rng.integers(WAYS))
        noisy, clean = self._cut(pictures, top, left, self.patch, self.patch, rng)
        return {"noisy": _to_tensor(turned_pixels(noisy, way)), "clean": _to_tensor(turned_pixels(clean, way))}

    def centre(self, index: int, side: int | None = None) -> dict[str, Tensor]:
        """Return ``noisy`` and ``clean``, each (C, H, W) float32, the same every time.

        The noise comes from a generator that starts at 0 for every picture, as in the published tests.

        Args:
            index: which picture.
            side: the height and the width are at most this; None takes the whole picture.
        """
        pictures = self._load(index)
        height, width = pictures[0].shape[:2]
        tall, wide = (length if side is None else min(side, length) for length in (height, width))
        rng = np.random.RandomState(0)
        noisy, clean = self._cut(pictures, (height - tall) // 2, (width - wide) // 2, tall, wide, rng)
        return {"noisy": _to_tensor(noisy), "clean": _to_tensor(clean)}

    def _load(self, index: int) -> list[Pixels]:
        """Return the noisy picture, if there is one on disk, and the clean one."""
        entry = self.pictures[index]
        paths = entry if isinstance(entry, Pair) else (entry,)
        pictures = [self.read(path) for path in paths]
        if pictures[0].shape != pictures[-1].shape:
            sizes = " and ".join(f"{width}x{height}" for height, width, *_ in (p.shape for p in pictures))
            raise InputError(f"{paths[0]}: another size than {paths[-1]} (width x height {sizes}); a pair has one size")
        return pictures

    def _cut(
        self, pictures: list[Pixels], top: int, left: int, height: int, width: int, rng: Rng
    ) -> tuple[Floats, Floats]:
        """Return a rectangle of a picture, noisy and clean, (height, width, C)."""
        if len(pictures) == 2:
            noisy, clean = (as_floats(p[top : top + height, left : left + width]) for p in pictures)
            return noisy, clean
        assert self.noise is not None  # __init__ has seen to it
        margin = self.noise.margin
        above, before = min(margin, top), min(margin, left)
        wider = as_floats(pictures[0][top - above : top + height + margin, left - before : left + width + margin])
        inside = slice(above, above + height), slice(before, before + width)
        # noise before turning: of all kinds of noise there are, none has a direction
        return self.noise(wider, rng)[inside], wider[inside]


def _enlarged(picture: Pixels, side: int) -> Pixels:
    """Return a picture that is mirrored at the right and at the bottom up to ``side``, the edge repeated."""
    missing = [max(0, side - length) for length in picture.shape[:2]]
    if not any(missing):
        return picture
    return np.pad(picture, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="symmetric")


def _to_tensor(pixels: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
