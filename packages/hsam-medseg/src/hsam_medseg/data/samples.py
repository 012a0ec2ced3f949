"""Slices with labels -> training samples at the network's size."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..network.config import PATCH
from .augmentation import augment
from .resizing import resize_image, resize_labels
from .slices import SliceFiles, classes_on

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]
    Labels = NDArray[np.integer[Any]]


class Slices(Protocol):
    """Slices and their labels: a sequence of both, or an object that reads them on demand."""

    def __len__(self) -> int:
        """Return the number of slices."""
        ...

    def __getitem__(self, index: int, /) -> tuple[Floats, Labels]:
        """Return a slice, (H, W) or (H, W, 3) with values in [0, 1], and its labels (H, W)."""
        ...


class SliceSamples:
    """Training samples of slices, a `visioncore.training.SampleSource`.

    Args:
        slices: where slices come from.
        image_size: side S of the network's input in pixels.
        augmented: how often a slice is augmented at random as published, from 0 (never) to 1 (always).
        balanced: draw a class first, each as often, then one of the slices that it is on (of those without any class
            as if this were a class too), whatever item is asked for. Not published; the authors advise the like.
    """

    def __init__(self, slices: Slices, image_size: int, *, augmented: float = 1.0, balanced: bool = False) -> None:
        self.slices, self.image_size, self.augmented = slices, image_size, augmented
        self._groups = _by_class(slices) if balanced else None

    def __len__(self) -> int:
        return len(self.slices)

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return ``image`` (3, S, S) float32, ``label`` (S, S) int64 and ``low_label`` (S / 4, S / 4) int64."""
        if self._groups:
            group = self._groups[rng.integers(len(self._groups))]
            index = group[rng.integers(len(group))]
        image, labels = self.slices[index]
        if rng.random() < self.augmented:
            image, labels = augment(image, labels, rng)
        return to_sample(image, labels, self.image_size)


def _by_class(slices: Slices) -> list[list[int]]:
    """Return the indices of the slices that show each class; first, of those that show none."""
    if isinstance(slices, SliceFiles):
        present = slices.present()
    else:
        present = [classes_on(slices[index][1]) for index in range(len(slices))]
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for index, classes in enumerate(present):
        for label in classes or [0]:
            groups[label].append(index)
    return [groups[label] for label in sorted(groups)]


def to_sample(image: Floats, labels: Labels, image_size: int) -> dict[str, Tensor]:
    """Return a slice, (H, W) or (H, W, 3), and its labels (H, W) at the network's sizes; see `SliceSamples.sample`."""
    low = 4 * image_size // PATCH
    resized = resize_image(image, (image_size, image_size))
    label = resize_labels(labels, (image_size, image_size))
    planes = np.broadcast_to(resized[..., None], (*resized.shape, 3)) if resized.ndim == 2 else resized
    tensors: dict[str, NDArray[Any]] = {
        "image": np.moveaxis(planes, -1, 0).astype(np.float32),
        "label": label.astype(np.int64),
        "low_label": resize_labels(label, (low, low)).astype(np.int64),
    }
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in tensors.items()}
