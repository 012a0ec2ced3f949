"""Frames as the image tower saw them, kept in memory: other labels, another corpus or another view cost no tower."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

from ..data.clips import Pixels
from ..network.output import Regions

Key = tuple[Hashable, ...]


class TowerFrame(NamedTuple):
    """A crop of a frame, and what the tower made of it.

    Attributes:
        regions: of one frame, without leading sizes, on the CPU.
        pixels: (S, S, 3).
    """

    regions: Regions
    pixels: Pixels

    @property
    def bytes(self) -> int:
        """The memory that it takes."""
        return self.pixels.nbytes + sum(tensor.numel() * tensor.element_size() for tensor in self.regions)


class FrameCache:
    """The frames that were used last, up to a number of bytes.

    Args:
        most: bytes of all that is kept; 0 keeps nothing.

    Attributes:
        bytes: of all that is kept now.
    """

    def __init__(self, most: int) -> None:
        self.most, self.bytes = most, 0
        self._kept: OrderedDict[Key, TowerFrame] = OrderedDict()

    def get(self, key: Key) -> TowerFrame | None:
        """Return a frame, None if it is not there."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: Key, frame: TowerFrame) -> None:
        """Keep a frame, in place of those that were not used for longest."""
        if frame.bytes > self.most or key in self._kept:
            return
        self._kept[key] = frame
        self.bytes += frame.bytes
        while self.bytes > self.most:
            _, gone = self._kept.popitem(last=False)
            self.bytes -= gone.bytes
