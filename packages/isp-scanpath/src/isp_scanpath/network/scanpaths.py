"""Scanpaths of any lengths in one array, as the metrics and the reward take them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PADDING = (1.0, 1.0, 0.001)
"""The fixation that the authors' evaluation adds to scanpaths of one or two: x, y and seconds."""


class Frame(NamedTuple):
    """Width and height in pixels of what scanpaths lie in."""

    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Scanpaths:
    """M scanpaths, filled up with zeros to the longest one.

    Attributes:
        fixations: x and y in pixels and duration in seconds (M, L, 3).
        lengths: how many fixations each has (M,).
    """

    fixations: Floats
    lengths: Integers

    @classmethod
    def of(cls, paths: Iterable[NDArray[Any]]) -> Scanpaths:
        """Return scanpaths (n, 3), each with x, y and duration in its columns, as one array."""
        every = [np.asarray(path, np.float64).reshape(-1, 3) for path in paths]
        lengths = np.array([len(path) for path in every], np.int64)
        fixations = np.zeros((len(every), int(lengths.max(initial=0)), 3))
        for row, path in zip(fixations, every, strict=True):
            row[: len(path)] = path
        return cls(fixations, lengths)

    def __getitem__(self, index: Any) -> Scanpaths:
        """Return some of the scanpaths, in any order."""
        return Scanpaths(self.fixations[index], self.lengths[index])

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which entries are fixations (M, L)."""
        return np.arange(self.fixations.shape[1]) < self.lengths[:, None]

    def to_list(self) -> list[Floats]:
        """Return each scanpath as an array (n, 3)."""
        return [path[:length] for path, length in zip(self.fixations, self.lengths, strict=True)]

    def at_least(self, number: int) -> Scanpaths:
        """Return them with `PADDING` behind those of fewer fixations than a number."""
        missing = max(0, number - self.fixations.shape[1])
        fixations = np.pad(self.fixations, ((0, 0), (0, missing), (0, 0)))
        places = np.arange(fixations.shape[1])
        fixations[(places >= self.lengths[:, None]) & (places < number)] = PADDING
        return Scanpaths(fixations, np.maximum(self.lengths, number))
