"""A cache of photos for training: 8-bit RGB, each decoded once as long as memory allows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .image import read_image
from .sixteen_bit import eight_bit

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Photos:
    """Reads photos as (H, W, 3) 8-bit RGB from any format, and keeps them in memory as long as there is room.

    Args:
        cache_mb: how much memory decoded photos may take, in each loading process.
    """

    def __init__(self, cache_mb: int = 1024) -> None:
        self._room = cache_mb * 2**20
        self._kept: dict[Path, NDArray[np.uint8]] = {}

    def __call__(self, path: Path) -> NDArray[np.uint8]:
        """Return the photo in a file; not to be written to.

        Raises:
            InputError: if it cannot be read.
        """
        if path not in self._kept:
            pixels = eight_bit(read_image(path).pixels)
            if pixels.nbytes > self._room:
                return pixels
            self._room -= pixels.nbytes
            self._kept[path] = pixels
        return self._kept[path]
