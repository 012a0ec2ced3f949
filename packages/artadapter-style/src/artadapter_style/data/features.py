"""Features of the images of a data set, from disk or memory."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .feature_cache import FeatureCache


class KeptFeatures:
    """Reads what is kept of images, and keeps it in memory as long as there is room.

    Args:
        cache: where it is on disk.
        digests: of the images.
        cache_mb: how much memory it may take, in each loading process.
    """

    def __init__(self, cache: FeatureCache, digests: Sequence[str], cache_mb: int = 0) -> None:
        self.cache, self.digests = cache, tuple(digests)
        self._room = cache_mb * 2**20
        self._kept: dict[tuple[int, bool], dict[str, Tensor]] = {}

    def key(self, index: int, mirror: bool) -> str:
        """Return the key of an image in the cache."""
        return f"{self.digests[index]}{'-mirrored' if mirror else ''}"

    def __call__(self, index: int, *, mirror: bool = False) -> dict[str, Tensor]:
        """Return the tensors of an image.

        Raises:
            InputError: if they are not there, or damaged.
        """
        found = self._kept.get((index, mirror))
        if found is None:
            found = self.cache.load(self.key(index, mirror))
            size = sum(tensor.nbytes for tensor in found.values())
            if size <= self._room:
                self._room -= size
                self._kept[index, mirror] = found
        return found
