"""Frames of video files, evenly spaced in time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.video import VIDEO_SUFFIXES, FrameIndex, index_frames, read_chosen_frames

from .clips import Pixels

CLIP_SUFFIXES = (*VIDEO_SUFFIXES, ".gif")
"""Suffixes of clips in a folder."""
_UNEVEN = 0.05
"""Share of the steps from frame to frame that may differ from the others in a video of constant rate."""


@dataclass(frozen=True)
class VideoFrames:
    """The upright frames of a video, an animated GIF too, as an edit list trims it.

    Motion is a function of evenly spaced time. Frames of a video of constant rate are taken as they are; of one of
    variable rate the nearest ones to evenly spaced times, so that some come twice or never.

    Attributes:
        path: of the file.
        rate: frames per second to take; None for those that it has, on average where its rate is variable.
    """

    path: Path
    rate: float | None = None

    @cached_property
    def index(self) -> FrameIndex:
        """The frames of the file.

        Raises:
            InputError: if it cannot be read.
        """
        return index_frames(self.path)

    @cached_property
    def even(self) -> bool:
        """Whether the video's own frames are evenly spaced, or nothing is known of their times."""
        steps = np.diff(self.index.times)
        if not len(steps) or np.isnan(steps).any():
            return True
        usual = np.median(steps)
        return bool(np.mean(np.abs(steps - usual) > usual / 2) <= _UNEVEN)

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """Numbers in the file of the frames that are taken, ascending."""
        times, fps = self.index.times, self.fps
        if fps is None or (self.rate is None and self.even):
            return np.arange(len(times))
        # the last frame is shown for a step; times are rounded
        count = math.ceil((times[-1] - times[0] + self._step) * fps - 0.1)
        wanted = times[0] + np.arange(max(1, count)) / fps
        after = np.searchsorted(times, wanted).clip(1, len(times) - 1)
        return np.where(wanted - times[after - 1] <= times[after] - wanted, after - 1, after)

    @property
    def length(self) -> int:
        """Number of frames that are taken."""
        return len(self.numbers)

    @property
    def fps(self) -> float | None:
        """Frames per second that are taken, None where times are not known."""
        if len(self.index) < 2 or np.isnan(self.index.times).any():
            return None
        return self.rate or 1 / self._step

    @property
    def _step(self) -> float:
        """Seconds from frame to frame, on average."""
        times = self.index.times
        return float(times[-1] - times[0]) / (len(times) - 1)

    def read(self, numbers: Sequence[int]) -> Iterator[Pixels]:
        """Yield frames (H, W, 3) by ascending numbers.

        Raises:
            InputError: if one is damaged.
        """
        for frame in read_chosen_frames(self.index, self.numbers[list(numbers)].tolist()):
            yield frame.pixels
