"""One door to all data sets: what a file or folder is shows in its name and its content."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from visioncore.errors import InputError

from .osie import read_osie
from .published_lists import read_published_list
from .tables import read_table
from .trials import ScanpathData

LEAST_SECONDS = 0.005
"""No eye rests as shortly as that."""

_READERS = {".mat": read_osie, ".json": read_published_list, ".csv": read_table}


def read_scanpaths(path: str | Path, images: str | Path | None = None) -> ScanpathData:
    """Return the trials of a data set.

    Warnings tell how many fixations lie outside their image, and if units seem to be others than pixels and ms.

    Args:
        path: OSIE's ``fixations.mat`` or the folder that holds it, a JSON list of the authors' preparation, or a CSV
            file with a line for each fixation.
        images: the folder of images; OSIE's is found beside it.

    Raises:
        InputError: if it cannot be read, or is not what it should be.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    reader = read_osie if path.is_dir() else _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: not a file of scanpaths; known are {', '.join(_READERS)} and OSIE's folder")
    data = reader(path, images or None)
    if outside := data.outside():
        number = sum(len(trial.fixations) for trial in data.trials)
        warnings.warn(
            f"{path}: {outside} of {number} fixations lie outside their image; they count as on its border",
            stacklevel=2,
        )
    fixations = np.concatenate([trial.fixations for trial in data.trials])
    if np.median(fixations[:, 2]) < LEAST_SECONDS:
        warnings.warn(
            f"{path}: half of the fixations last less than {1000 * LEAST_SECONDS:g} ms; durations must be in "
            "milliseconds, not in seconds",
            stacklevel=2,
        )
    if len(fixations) > 1 and fixations[:, :2].max() <= 1:
        warnings.warn(f"{path}: no coordinate is above 1; they must be pixels, not shares of the image", stacklevel=2)
    return data
