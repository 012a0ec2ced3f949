"""One door to all data sets: what a file or folder is shows in its name and its content."""

from __future__ import annotations

import warnings
from pathlib import Path

from visioncore.errors import InputError

from .osie import read_osie
from .published_lists import read_published_list
from .tables import read_table
from .trials import ScanpathData

_READERS = {".mat": read_osie, ".json": read_published_list, ".csv": read_table}


def read_scanpaths(path: str | Path, images: str | Path | None = None) -> ScanpathData:
    """Return the trials of a data set; a warning tells how many fixations lie outside their image.

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
    data = reader(path, images)
    if outside := data.outside():
        number = sum(len(trial.fixations) for trial in data.trials)
        warnings.warn(
            f"{path}: {outside} of {number} fixations lie outside their image; they count as on its border",
            stacklevel=2,
        )
    return data
