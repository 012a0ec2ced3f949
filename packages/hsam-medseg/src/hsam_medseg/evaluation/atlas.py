"""A baseline without a network: where organs lie and how bright they are, learned from labelled slices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Labels = NDArray[np.uint8]

BINS = 120
BRIGHTEST = 1.2
PLACE, NOISE = 3.0, 0.7
"""Standard deviations in pixels by which places and images are smoothed; of six pairs tried the best at 10 % labels."""


@dataclass(frozen=True)
class Atlas:
    """The chances of each class in each pixel, and of each brightness in each class.

    Attributes:
        place: logarithms, (classes, H, W).
        brightness: logarithms, (classes, `BINS`).
    """

    place: Floats
    brightness: Floats

    @classmethod
    def of(cls, slices: Iterable[tuple[Floats, Labels]], classes: int) -> Atlas:
        """Learn from slices, all (H, W) with values in [0, 1], and their labels, from 0 to ``classes`` - 1.

        Raises:
            ValueError: if there is no slice.
        """
        from scipy.ndimage import gaussian_filter

        images, labels = map(np.stack, zip(*slices, strict=True))
        binned = _binned(images)
        members = [labels == label for label in range(classes)]
        place = np.stack([gaussian_filter(each.mean(axis=0, dtype=np.float32), PLACE) for each in members])
        counts = np.stack([np.bincount(binned[each], minlength=BINS) for each in members])
        brightness = gaussian_filter(counts.astype(np.float32), (0, 1)) + 1e-5 * counts.sum(axis=1, keepdims=True)
        brightness /= np.maximum(brightness.sum(axis=1, keepdims=True), 1)
        return cls(np.log(place + 1e-6), np.log(brightness + 1e-6))

    def segment(self, images: Floats) -> Labels:
        """Return the most likely class of each pixel of slices (D, H, W) with values in [0, 1]."""
        return (self.place[:, None] + self.brightness[:, _binned(images)]).argmax(axis=0).astype(np.uint8)


def _binned(images: Floats) -> NDArray[np.int64]:
    """Return in which bin the brightness of each pixel is, noise smoothed."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(images, (0, NOISE, NOISE))
    return np.clip(smooth * (BINS / BRIGHTEST), 0, BINS - 1).astype(np.int64)
