"""A clip ready to be looked at: a video whose frames are counted, or an array of frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.video import FrameIndex, index_frames

from ..data.clips import Pixels, cut, read_crops, view_crops
from ..data.decoding import Decoder
from .frame_cache import Key

GivenClip = str | Path | NDArray[np.uint8]
"""A video, or its frames (N, H, W, 3) RGB."""


class OpenClip:
    """A clip whose frames can be chosen.

    Args:
        given: a video, or its frames.
        decoder: of a video's frames.

    Attributes:
        times: (N,) seconds of its frames; NaN where they are not known.
        key: tells it from other clips, and from itself after a change; None if it is not a file.
        source: its file; None if there is none.

    Raises:
        InputError: if it cannot be read, or has no frame.
    """

    def __init__(self, given: GivenClip, decoder: Decoder = "pyav") -> None:
        self.source: Path | None = None
        self.decoder = decoder
        self.key: Key | None = None
        if isinstance(given, str | Path):
            self._frames: FrameIndex | Pixels = index_frames(given)
            self.source, self.times = self._frames.path, self._frames.times
            status = self.source.stat()
            self.key = (str(self.source.resolve()), status.st_size, status.st_mtime_ns)
            return
        frames = np.asarray(given)
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or 0 in frames.shape:
            raise InputError(
                f"frames are {frames.shape} {frames.dtype}; they must be (N, H, W, 3) of uint8, N at least 1"
            )
        self._frames, self.times = frames, np.full(len(frames), np.nan)

    def __len__(self) -> int:
        return len(self.times)

    def crops(self, numbers: Sequence[int], size: int, crops: int) -> Iterator[tuple[int, list[Pixels]]]:
        """Yield the numbers of chosen frames, ascending, each with its crops (size, size, 3), see `view_crops`.

        Raises:
            InputError: if a frame cannot be read.
        """
        if isinstance(self._frames, FrameIndex):
            yield from read_crops(self._frames, numbers, size, crops, self.decoder)
            return
        for number in numbers:
            pixels = self._frames[number]
            yield number, cut(pixels, view_crops(pixels.shape[0], pixels.shape[1], size, crops), size)
