"""Clips: frames by their numbers, wherever they are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

Pixels = NDArray[np.uint8]


class FrameSource(Protocol):
    """Frames of one size; must survive pickling."""

    @property
    def path(self) -> Path | None:
        """File or folder that they are read from; None if there is none."""
        ...

    @property
    def length(self) -> int:
        """Number of frames."""
        ...

    @property
    def fps(self) -> float | None:
        """Frames per second, None where that is not known."""
        ...

    def read(self, numbers: Sequence[int]) -> Iterator[Pixels]:
        """Yield frames (H, W, 3) by ascending numbers, of which one may come several times.

        Raises:
            InputError: if one cannot be read.
        """
        ...


@dataclass(frozen=True)
class Clip:
    """Frames in the order they are shown, and what is known of them. Nothing is read before it is asked for.

    Attributes:
        name: tells it from others of its data set.
        source: of its frames.
        label: its class, None where there is none.
        group: who or what is seen; clips of one group are not parted between training and validation.
        split: that its list names; empty for none.
        texts: what its text consists of; one of each is taken, joined by blanks.
    """

    name: str
    source: FrameSource
    label: str | None = None
    group: str | None = None
    split: str = ""
    texts: tuple[tuple[str, ...], ...] = ()

    @property
    def length(self) -> int:
        """Number of frames.

        Raises:
            InputError: if it cannot be read.
        """
        return self.source.length

    @property
    def fps(self) -> float | None:
        """Frames per second, None where that is not known.

        Raises:
            InputError: if it cannot be read.
        """
        return self.source.fps

    def frames(self, numbers: Sequence[int]) -> Pixels:
        """Return frames (n, H, W, 3) RGB.

        Args:
            numbers: of the frames, from 0, in any order; one may be there several times.

        Raises:
            InputError: if one cannot be read, or is of another size than the others.
            ValueError: if a number is not one of the clip's.
        """
        if not numbers or not 0 <= min(numbers) <= max(numbers) < self.length:
            raise ValueError(f"{self.name}: frames {list(numbers)[:8]}; it has 0 to {self.length - 1}")
        order = np.argsort(numbers, kind="stable")
        out: Pixels | None = None
        for place, pixels in zip(order, self.read([numbers[i] for i in order]), strict=True):
            if out is None:
                out = np.empty((len(numbers), *pixels.shape), np.uint8)
            out[place] = pixels
        assert out is not None
        return out

    def read(self, numbers: Sequence[int]) -> Iterator[Pixels]:
        """Yield frames (H, W, 3) RGB by ascending numbers, one after the other.

        Raises:
            InputError: if one cannot be read, or is of another size than the first.
        """
        first: Pixels | None = None
        for number, pixels in zip(numbers, self.source.read(numbers), strict=True):
            first = pixels if first is None else first
            if pixels.shape != first.shape:
                raise InputError(
                    f"{self.name}: frame {number} is {_size(pixels)}, and frame {numbers[0]} is {_size(first)}; "
                    "frames of a clip must have one size"
                )
            yield pixels

    def text(self, rng: np.random.Generator | None = None) -> str:
        """Return the text, of each part of which ``rng`` draws one version; without it the first is taken."""
        return " ".join(part[0 if rng is None else int(rng.integers(len(part)))] for part in self.texts)


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
