"""A few rendered drivers with procedural heads, for training where there is no data."""

from __future__ import annotations

import atexit
import shutil
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

from .head_mesh import procedural_head
from .ivgaze import FOLDS, Fold, read_fold
from .rendered_drivers import write_rendered_drivers

IMAGES = 6
"""In each fold."""


def procedural_folds(size: int) -> list[Fold]:
    """Return three folds of a few images, which lie in a temporary folder until the process ends.

    Args:
        size: side of the images in pixels.
    """
    folder = _rendered(size)
    return [read_fold(folder, number) for number in FOLDS]


@lru_cache
def _rendered(size: int) -> Path:
    around = Path(mkdtemp(prefix="gazedptr-gaze-"))
    atexit.register(shutil.rmtree, around, ignore_errors=True)
    write_rendered_drivers(around / "drivers", [[procedural_head(rings=16)]] * len(FOLDS), IMAGES, size=size)
    return around / "drivers"
