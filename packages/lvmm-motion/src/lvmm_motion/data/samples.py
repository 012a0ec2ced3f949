"""Training samples: pairs of frames, and runs of frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .clips import Clip, Pixels
from .preparation import squares
from .sampling import MOST_GAP, pair, window


class PreparedFrames:
    """Reads frames of clips as squares, and keeps clips in memory as long as there is room.

    Args:
        size: side of the squares in pixels.
        cache_mb: how much memory they may take, in each loading process. A clip for which there is room is read whole
            the first time.
    """

    def __init__(self, size: int, cache_mb: int = 0) -> None:
        self.size, self._room = size, cache_mb * 2**20
        self._kept: dict[str, Pixels] = {}

    def __call__(self, clip: Clip, numbers: Sequence[int]) -> Tensor:
        """Return frames (n, 3, size, size) of 0 to 255, uint8.

        Raises:
            InputError: if one cannot be read.
        """
        if clip.name not in self._kept:
            needed = clip.length * self.size**2 * 3
            if needed > self._room:
                return _channels_first(squares(clip, numbers, self.size))
            self._room -= needed
            self._kept[clip.name] = squares(clip, range(clip.length), self.size)
        return _channels_first(self._kept[clip.name][list(numbers)])


class FramePairs:
    """Samples ``source`` and ``driving``, each (3, size, size) of 0 to 255: two frames of a clip.

    Args:
        clips: one sample each.
        size: side of the frames in pixels.
        most_gap: frames between the two at most.
        cache_mb: see `PreparedFrames`.
    """

    def __init__(self, clips: Sequence[Clip], size: int, most_gap: int = MOST_GAP, cache_mb: int = 0) -> None:
        self.clips, self.most_gap = tuple(clips), most_gap
        self.read = PreparedFrames(size, cache_mb)

    def __len__(self) -> int:
        return len(self.clips)

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return a pair of clip ``index``, drawn by ``rng``.

        Raises:
            InputError: if the clip is too short or cannot be read.
        """
        source, driving = self.read(self.clips[index], pair(self.clips[index], rng, self.most_gap))
        return {"source": source, "driving": driving}


class FrameWindows:
    """Samples ``frames`` (n, 3, size, size) of 0 to 255: a run of frames of a clip.

    Args:
        clips: one sample each.
        size: side of the frames in pixels.
        frames: n.
        stride: frames from one to the next.
        cache_mb: see `PreparedFrames`.
    """

    def __init__(self, clips: Sequence[Clip], size: int, frames: int, stride: int = 1, cache_mb: int = 0) -> None:
        self.clips, self.frames, self.stride = tuple(clips), frames, stride
        self.read = PreparedFrames(size, cache_mb)

    def __len__(self) -> int:
        return len(self.clips)

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return a run of clip ``index``, whose beginning ``rng`` draws.

        Raises:
            InputError: if the clip is too short or cannot be read.
        """
        clip = self.clips[index]
        return {"frames": self.read(clip, window(clip, self.frames, self.stride, rng))}


def _channels_first(frames: Pixels) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2)))
