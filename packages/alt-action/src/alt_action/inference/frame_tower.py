"""Frames through the image tower, in batches, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch

from visioncore.devices import with_backoff

from ..data.clips import Pixels, to_frames
from ..network.model import ALT
from ..network.output import Regions
from .frame_cache import FrameCache, TowerFrame
from .opened import OpenClip

Place = tuple[int, int]
"""Number of a frame, and of its crop."""
_Waiting = list[tuple[Place, Pixels]]


class FrameTower:
    """Runs the image tower over chosen frames of clips.

    Args:
        network: whose tower it is.
        device: of the network.
        crops: of a frame, 1 or 3.
        batch: frames on the device at a time.
        cache: keeps what was seen.
        notify: told when the memory runs out and the batch is halved.
    """

    def __init__(
        self,
        network: ALT,
        device: torch.device,
        crops: int,
        batch: int,
        cache: FrameCache,
        notify: Callable[[str], None],
    ) -> None:
        self.network, self.device, self.crops, self.batch = network, device, crops, batch
        self.cache, self.notify = cache, notify

    def __call__(self, clip: OpenClip, numbers: Sequence[int]) -> dict[Place, TowerFrame]:
        """Return each crop of chosen frames; arguments and errors as of `stream`."""
        return dict(self.stream(clip, numbers))

    def stream(self, clip: OpenClip, numbers: Sequence[int]) -> Iterator[tuple[Place, TowerFrame]]:
        """Yield each crop of chosen frames: first those that the cache has, then the others in their order.

        Args:
            clip: the clip.
            numbers: of the frames, ascending, each once.

        Raises:
            InputError: if a frame cannot be read, or the memory runs out for a single one.
        """
        missing = []
        for number in numbers:
            kept = self._kept(clip, number)
            yield from kept
            if len(kept) < self.crops:
                missing.append(number)
        waiting: _Waiting = []
        for number, crops in clip.crops(missing, self.network.config.tower.image_size, self.crops):
            waiting += [((number, crop), pixels) for crop, pixels in enumerate(crops)]
            while len(waiting) >= self.batch:
                yield from self._run(clip, waiting)
        while waiting:
            yield from self._run(clip, waiting)

    def _kept(self, clip: OpenClip, number: int) -> list[tuple[Place, TowerFrame]]:
        places = [(number, crop) for crop in range(self.crops)]
        found = [None if clip.key is None else self.cache.get((*clip.key, self.crops, *place)) for place in places]
        return [(place, frame) for place, frame in zip(places, found, strict=True) if frame is not None]

    def _run(self, clip: OpenClip, waiting: _Waiting) -> list[tuple[Place, TowerFrame]]:
        """Take up to a batch of frames through the tower, and out of what waits."""
        self.batch, regions = with_backoff(partial(self._regions, waiting), self.batch, notify=self.notify)
        found = [
            (place, TowerFrame(Regions(*(tensor[number].clone() for tensor in regions)), pixels))
            for number, (place, pixels) in enumerate(waiting[: self.batch])
        ]
        del waiting[: self.batch]
        for place, frame in found:
            if clip.key is not None:
                self.cache.put((*clip.key, self.crops, *place), frame)
        return found

    def _regions(self, waiting: _Waiting, count: int) -> tuple[int, Regions]:
        frames = to_frames((pixels for _, pixels in waiting[:count]), self.network.config.normalisation)
        return count, Regions(*(tensor.cpu() for tensor in self.network.regions(frames.to(self.device))))


def joined(frames: Sequence[TowerFrame], device: torch.device) -> Regions:
    """Return the regions of the frames of one video, with the leading sizes (1, T), on a device."""
    stacked = (torch.stack(each)[None].to(device) for each in zip(*(frame.regions for frame in frames), strict=True))
    return Regions(*stacked)
