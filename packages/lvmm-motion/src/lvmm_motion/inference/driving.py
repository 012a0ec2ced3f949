"""Driving clips: their frames as a photo's network takes them, some at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visioncore.errors import InputError
from visioncore.video import probe_video, read_frames

from ..data.clips import Clip
from .photos import downsampled, pad

Pixels = NDArray[np.uint8]


GivenVideo = str | Path | NDArray[Any] | Clip
"""A video file, frames (n, H, W, 3) of uint8, or a clip of a data set."""


def as_rate(fps: float | Fraction) -> Fraction:
    """Return frames per second as a fraction.

    Raises:
        InputError: if they are not from 0.001 to 1000.
    """
    if not 0.001 <= fps <= 1000:
        raise InputError(f"fps is {fps}; it must be from 0.001 to 1000")
    return Fraction(fps).limit_denominator(1001)


class Driving:
    """A clip that drives a photo; it is read anew each time that its frames are asked for.

    Args:
        given: the clip.
        rate: frames per second of one that does not know it.

    Attributes:
        first: its first frame (H, W, 3).
        rate: frames per second.
        times: of the frames of a file, in seconds; they need not be evenly apart.
        length: frames.
        source: its file, if it is one.

    Raises:
        InputError: if it cannot be read, or has fewer than two frames.
    """

    def __init__(self, given: GivenVideo, rate: Fraction) -> None:
        self.given = given
        self.source = Path(given) if isinstance(given, str | Path) else None
        self.where = f"{self.source}: " if self.source else ""
        self.rate = rate
        if self.source is not None:
            self.rate = probe_video(self.source).rate
        elif not isinstance(given, np.ndarray) and (own := getattr(given, "fps", None)):
            self.rate = as_rate(own)
        if isinstance(given, np.ndarray) and (given.ndim != 4 or given.shape[3] != 3 or given.dtype != np.uint8):
            raise InputError(f"frames are {given.shape} {given.dtype}; they must be (n, H, W, 3) uint8")
        two = list(itertools.islice(self.pixels(), 2))
        if len(two) < 2:
            raise InputError(f"{self.where}{len(two)} frame; a driving video needs at least two")
        self.first = two[0]
        self.times: tuple[Fraction | None, ...] | None = None
        if self.source is not None:
            # damage shows before anything is made of it
            self.times = tuple(frame.time for frame in read_frames(self.source))
        self.length = self._known_length() if self.times is None else len(self.times)

    def pixels(self) -> Iterator[Pixels]:
        """Yield the frames (H, W, 3)."""
        if self.source is not None:
            for frame in read_frames(self.source):
                yield frame.pixels
        elif isinstance(self.given, np.ndarray):
            yield from self.given
        else:
            yield from self.given.read(range(self._known_length()))  # type: ignore[union-attr]

    def batches(self, count: int, like: tuple[int, int], multiple: int, size: tuple[int, int]) -> Iterator[Tensor]:
        """Yield the frames (n, 3, h, w) as `fitted` makes them, ``count`` at a time."""
        frames = self.pixels()
        while some := list(itertools.islice(frames, count)):
            yield torch.cat([fitted(each, like, multiple, size) for each in some])

    def _known_length(self) -> int:
        if isinstance(self.given, np.ndarray):
            return len(self.given)
        return int(self.given.length)  # type: ignore[union-attr]


def fitted(pixels: Pixels, like: tuple[int, int], multiple: int, size: tuple[int, int]) -> Tensor:
    """Return a frame as regions are found in it: cut to a photo's shape, padded as it is, and resized.

    Args:
        pixels: (H, W, 3) of any size.
        like: height and width of the photo.
        multiple: what the photo's sides were padded to.
        size: of the result (1, 3, h, w).
    """
    height, width = pixels.shape[:2]
    scale = min(height / like[0], width / like[1])
    rows, columns = (
        min(side, max(1, round(scale * wanted))) for side, wanted in zip((height, width), like, strict=True)
    )
    top, left = (height - rows) // 2, (width - columns) // 2
    # PyTorch warns of arrays that cannot be written
    cut = np.require(pixels[top : top + rows, left : left + columns], requirements=["C", "W"])
    frame = torch.from_numpy(cut).permute(2, 0, 1)[None].float() / 255
    return downsampled(pad(downsampled(frame, like), multiple)[0], size)
