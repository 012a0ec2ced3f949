"""Frames as the image tower saw them, kept in memory: other labels, another corpus or another view cost no tower."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path

from ..network.output import Regions

Key = tuple[Hashable, ...]


class FrameCache:
    """The frames that were used last, up to a number of bytes.

    Args:
        most: bytes of all that is kept; 0 keeps nothing.

    Attributes:
        hits: how often a frame was there.
        misses: how often it was not.
    """

    def __init__(self, most: int) -> None:
        self.most, self.bytes, self.hits, self.misses = most, 0, 0, 0
        self._kept: OrderedDict[Key, Regions] = OrderedDict()

    def get(self, key: Key) -> Regions | None:
        """Return the regions of a frame, None if they are not there."""
        found = self._kept.get(key)
        if found is None:
            self.misses += 1
            return None
        self._kept.move_to_end(key)
        self.hits += 1
        return found

    def put(self, key: Key, regions: Regions) -> None:
        """Keep the regions of a frame, in place of those that were not used for longest."""
        size = _bytes(regions)
        if size > self.most or key in self._kept:
            return
        self._kept[key] = regions
        self.bytes += size
        while self.bytes > self.most:
            _, gone = self._kept.popitem(last=False)
            self.bytes -= _bytes(gone)


def file_key(path: Path) -> Key:
    """Return what tells a file from others, and from itself after a change."""
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns


def _bytes(regions: Regions) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in regions)
