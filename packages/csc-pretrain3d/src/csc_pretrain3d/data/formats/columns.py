"""Named columns of numbers: what every file of points comes down to, and how a scan is made of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError, some

from ..frame import Scan

Columns = Mapping[str, NDArray[Any]]
"""Arrays (P,) of any type of number by the names that the file gives them."""

INTENSITIES = ("intensity", "scalar_intensity", "reflectance", "reflectivity", "remission", "i")
"""Names of the intensity in .pcd and .ply files, in lower case."""

LABELS = ("label", "labels", "scalar_label", "classification", "scalar_classification", "class", "semantic")
"""Names of the labels there."""

FARTHEST = 65_536.0
"""Metres from the origin beyond which float32 is coarser than 4 mm."""

LONGEST_NUMBER = 64
"""Signs of a number that is written as text, at most."""


def scan_of(path: Path, columns: Columns) -> Scan:
    """Return the scan that columns of a file hold; without intensities they are 0, which is warned of.

    Raises:
        InputError: if x, y or z is missing, or points lie so far away that float32 does not hold them.
    """
    by_name = {name.lower(): values for name, values in columns.items()}
    if missing := [axis for axis in "xyz" if axis not in by_name]:
        raise InputError(f"{path}: has no column {', '.join(missing)}; its columns are {some(columns)}")
    wide = np.stack([by_name[axis].astype(np.float64) for axis in "xyz"], axis=1)
    with np.errstate(invalid="ignore"):
        farthest = np.abs(wide).max(initial=0, where=np.isfinite(wide))
    if farthest > FARTHEST:
        raise InputError(
            f"{path}: points lie {farthest:.4g} m from the origin (map coordinates?); subtract the position of the "
            "sensor, which must be near the origin"
        )
    intensity = one_of(by_name, INTENSITIES)
    if intensity is None:
        warnings.warn(f"{path}: has no intensity, so that it is taken to be 0 everywhere", stacklevel=3)
        intensity = np.zeros(len(wide), np.float32)
    return Scan(wide.astype(np.float32), intensity.astype(np.float32), name=str(path))


def numbers(words: Sequence[bytes]) -> NDArray[np.float64]:
    """Return numbers that stand in a file as text.

    Raises:
        ValueError: if one is longer than any number is written, or no number.
    """
    if max(map(len, words), default=0) > LONGEST_NUMBER:
        raise ValueError(f"a number of more than {LONGEST_NUMBER} digits")
    return np.array(words, "S").astype(np.float64)


def one_of(columns: Columns, names: Iterable[str]) -> NDArray[Any] | None:
    """Return the first of these columns that is there, by its name in lower case, or None."""
    lower = {name.lower(): values for name, values in columns.items()}
    return next((lower[name] for name in names if name in lower), None)
