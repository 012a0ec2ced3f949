"""Samples of IVGaze for training and evaluation, and what each network takes of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from visioncore.errors import InputError, some
from visioncore.images import image_size

from ..network.config import Variant
from .augmentation import Augmentation, augmented
from .ivgaze import NORMALISED, ORIGINAL, Fold, read_face

TREES = {"normalised": NORMALISED, "original": ORIGINAL}
"""The trees of images by the networks' names of them."""
INPUTS: dict[Variant, tuple[str, ...]] = {
    "gazeptr": ("normalised",),
    "gazedptr": ("normalised", "original", "axis"),
    "gazedptr_v2": ("normalised", "original", "axis", "to_camera", "origin"),
}
"""The inputs of each network, by the names of its arguments."""
KEPT_BYTES = 2**30
"""Images that take no more than this are kept in memory."""


class FaceSamples:
    """Samples of one or several folds: faces (3, S, S), uint8, blue first, and the tensors of `Fold.tensors`.

    A set of images that is small enough is decoded once and kept in memory; of others each is read when it is needed.

    Args:
        folds: their labels.
        variant: the network, of which it depends which faces are read.
        size: side S of the images in pixels; those of another size are resized.
        augmentation: of training samples.
        say: told, in a line for each of the two trees, when the first image is of another size and so resized.

    Raises:
        InputError: if an image is missing, or one that is kept is no image.
    """

    def __init__(
        self,
        folds: Sequence[Fold],
        variant: Variant,
        size: int = 224,
        *,
        augmentation: Augmentation | None = None,
        say: Callable[[str], None] = warnings.warn,
    ) -> None:
        self.size, self.augmentation = size, augmentation
        self.names = [name for fold in folds for name in fold.names]
        self.paths = {
            face: [fold.folder / TREES[face] / name for fold in folds for name in fold.names]
            for face in TREES
            if face in INPUTS[variant]
        }
        parts = [fold.tensors() for fold in folds]
        self.labels = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        paths = [path for of_face in self.paths.values() for path in of_face]
        if missing := [str(path) for path in paths if not path.is_file()]:
            raise InputError(f"{len(missing)} of {len(paths)} images are missing: {some(missing)}")
        for first, *_ in self.paths.values():
            height, width = image_size(first)
            if (width, height) != (size, size):
                say(f"{first}: {width}x{height} pixels; such images are resized to {size}x{size}")
        self.kept: dict[str, Tensor] = {}
        if len(paths) * 3 * size**2 <= KEPT_BYTES:
            self.kept = {face: torch.stack([*map(self._read, of_face)]) for face, of_face in self.paths.items()}

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Return sample ``index`` as it is in the data set."""
        if self.kept:
            faces = {face: images[index] for face, images in self.kept.items()}
        else:
            faces = {face: self._read(paths[index]) for face, paths in self.paths.items()}
        return faces | {key: values[index] for key, values in self.labels.items()}

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return sample ``index``, augmented where that is asked for."""
        sample = self[index]
        return sample if self.augmentation is None else augmented(sample, self.augmentation, rng)

    def _read(self, path: Path) -> Tensor:
        return read_face(path, self.size)


def network_inputs(batch: Mapping[str, Tensor], variant: Variant) -> dict[str, Tensor]:
    """Return the inputs of a network, by the names of its arguments: faces (B, 3, S, S) as float32 in [0, 1].

    Args:
        batch: samples of `FaceSamples`, on any device.
        variant: the network.
    """
    taken = {name: batch[name] for name in INPUTS[variant]}
    return taken | {face: taken[face].float() / 255 for face in TREES if face in taken}
