"""Features of the images of a data set, from disk or memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from ..inference.batch import progress
from .feature_cache import FeatureCache
from .memory import Memory

BATCH = 8
"""Images that are encoded at a time."""

Which = tuple[int, bool]
"""Index of an image, and whether it is mirrored."""


class KeptFeatures:
    """Reads what is kept of images, and keeps it in memory as long as there is room.

    Args:
        cache: where it is on disk.
        digests: of the images.
        cache_mb: how much memory it may take, in each loading process.
    """

    def __init__(self, cache: FeatureCache, digests: Sequence[str], cache_mb: int = 0) -> None:
        self.cache, self.digests = cache, tuple(digests)
        self._memory: Memory[dict[str, Tensor]] = Memory(cache_mb, _bytes)

    def key(self, index: int, mirror: bool) -> str:
        """Return the key of an image in the cache."""
        return f"{self.digests[index]}{'-mirrored' if mirror else ''}"

    def __call__(self, index: int, *, mirror: bool = False) -> dict[str, Tensor]:
        """Return the tensors of an image.

        Raises:
            InputError: if they are not there, or damaged.
        """
        return self._memory((index, mirror), lambda: self.cache.load(self.key(index, mirror)))


def _bytes(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())


def keep_features(
    features: KeptFeatures,
    count: int,
    encoded: Callable[[Sequence[Which]], Mapping[str, Tensor]],
    mirrors: Sequence[bool],
    *,
    process: int = 0,
    processes: int = 1,
) -> None:
    """Keep the features of all images; what is there already stays.

    Args:
        features: where.
        count: of the images.
        encoded: makes the features of a few, (B, ...) each.
        mirrors: whether images are taken as they are, mirrored, or both.
        process: the number of this one; it takes its share.
        processes: how many share the work.

    Raises:
        InputError: if an image cannot be read, or a file not written.
    """
    # one for each key, for images may be equal
    every = {features.key(index, mirror): (index, mirror) for index in range(count) for mirror in mirrors}
    # shared out before it is asked what is there, for other processes add to it meanwhile
    mine = list(every.items())[process::processes]
    missing = [each for key, each in mine if not features.cache.has(key)]
    with progress(len(missing), "images encoded") as advance:
        for start in range(0, len(missing), BATCH):
            part = missing[start : start + BATCH]
            found = encoded(part)
            for place, each in enumerate(part):
                features.cache.save(features.key(*each), {name: value[place] for name, value in found.items()})
                advance()
