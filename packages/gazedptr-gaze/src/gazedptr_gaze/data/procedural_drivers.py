"""A few rendered drivers with procedural heads, for training where there is no data."""

from __future__ import annotations

import atexit
import shutil
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

from .head_mesh import procedural_head
from .ivgaze import FOLDS
from .rendered_drivers import write_rendered_drivers

IMAGES = 6
"""In each fold."""


@lru_cache
def procedural_drivers(size: int) -> Path:
    """Return the folder of three folds of a few images, which is temporary and goes when the process ends.

    Args:
        size: side of the images in pixels.
    """
    around = Path(mkdtemp(prefix="gazedptr-gaze-"))
    atexit.register(shutil.rmtree, around, ignore_errors=True)
    write_rendered_drivers(around / "drivers", [[procedural_head(rings=16)]] * len(FOLDS), IMAGES, size=size)
    return around / "drivers"
