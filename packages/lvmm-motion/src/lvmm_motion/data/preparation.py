"""Frames as networks see them: squares of one size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from visioncore.extras import require

from .clips import Clip, FrameSource, Pixels


def square(frame: Pixels, size: int) -> Pixels:
    """Return the middle of a frame (H, W, 3) as (size, size, 3).

    The shorter side becomes ``size``, bilinearly as Pillow does; of the longer one the middle is kept.
    """
    height, width = frame.shape[:2]
    if (height, width) == (size, size):
        return frame
    require("PIL", "images")
    from PIL import Image

    short = min(height, width)
    wide, high = size * width // short, size * height // short
    small = np.array(Image.fromarray(frame).resize((wide, high), Image.Resampling.BILINEAR))
    top, left = round((high - size) / 2), round((wide - size) / 2)
    return small[top : top + size, left : left + size]


def squares(clip: Clip, numbers: Sequence[int], size: int) -> Pixels:
    """Return frames of a clip, ascending, (n, H, W, 3).

    Args:
        clip: of which.
        numbers: of the frames.
        size: side of the squares they are made, see `square`; 0 leaves them as they are.

    Raises:
        InputError: if one cannot be read.
    """
    return np.stack([square(frame, size) if size else frame for frame in clip.read(numbers)])


@dataclass(frozen=True)
class ChosenFrames:
    """Some frames of another source, prepared.

    Attributes:
        of: the other source.
        numbers: of its frames, ascending and evenly spaced.
        size: side of the squares they are made, see `square`; 0 leaves them as they are.
    """

    of: FrameSource
    numbers: range
    size: int = 0

    @property
    def path(self) -> Path | None:
        """File or folder that they are read from; None if there is none."""
        return self.of.path

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.numbers)

    @property
    def fps(self) -> float | None:
        """Frames per second, None where that is not known."""
        return self.of.fps and self.of.fps / self.numbers.step

    def read(self, numbers: Sequence[int]) -> Iterator[Pixels]:
        """Yield frames (H, W, 3) by ascending numbers.

        Raises:
            InputError: if one cannot be read.
        """
        for frame in self.of.read([self.numbers[number] for number in numbers]):
            yield square(frame, self.size) if self.size else frame


def prepared(clip: Clip, numbers: range, size: int = 0) -> Clip:
    """Return a clip of some frames of another one; arguments as of `ChosenFrames`."""
    return replace(clip, source=ChosenFrames(clip.source, numbers, size))
