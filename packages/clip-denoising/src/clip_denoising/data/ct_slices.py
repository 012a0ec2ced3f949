"""Slices of low-dose CT as the published training keeps them: npy files in one flat folder, paired by name.

``<patient>_<index>_input.npy`` is a slice at quarter dose, ``<patient>_<index>_target.npy`` the same at full dose; both
are stored values, 0 for -1024 HU and 1 for 3072 HU.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from visioncore.errors import InputError, damage, some
from visioncore.files import expand_inputs

from .datasets import Pair

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

TEST_PATIENTS = ("L506",)
"""Of Mayo-2016, in the published test; the recipe ldct names those of the training."""

_NAME = re.compile(r"(?P<patient>.+)_(?P<index>\d+)_(?P<dose>input|target)")
_FAR = 4.0
"""Stored values farther from 0 than this are no stored values: it would be more than 15,000 HU."""


def find_full_dose(folder: str | Path, patients: Sequence[str] | None = None) -> list[Path]:
    """Return the slices at full dose, ``*_target.npy``, in natural order, of some patients or of all.

    Raises:
        InputError: if there is none, a file is named in another way, or a patient has none.
    """
    return list(_slices(folder, "target", patients).values())


def find_doses(folder: str | Path, patients: Sequence[str] | None = None) -> list[Pair]:
    """Return the pairs of slices at quarter and at full dose, in natural order, of some patients or of all.

    Raises:
        InputError: as `find_full_dose`, and if a slice has no partner.
    """
    noisy, clean = (_slices(folder, dose, patients) for dose in ("input", "target"))
    for these, those, what in ((noisy, clean, "target"), (clean, noisy, "input")):
        if alone := [path.name for name, path in these.items() if name not in those]:
            raise InputError(f"{folder}: {len(alone)} slices have no partner *_{what}.npy: {some(alone)}")
    return [Pair(path, clean[name]) for name, path in noisy.items()]


def patient_of(path: Path) -> str:
    """Patient id of a slice file.

    Raises:
        InputError: if its name does not say.
    """
    return _parts(path)["patient"]


def read_slice(path: Path) -> Floats:
    """Return the stored values (H, W, 1) float32 of a slice: 0 for -1024 HU, 1 for 3072 HU, and possibly beyond.

    Raises:
        InputError: if the file is damaged, holds no slice, values that are not finite, or Hounsfield units.
    """
    with damage(path, "not an npy file of numbers, or damaged"):
        # mapped: a header cannot ask for more memory than the file has
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(values, np.ndarray) or values.ndim != 2 or not values.size or values.dtype.kind not in "fiu":
        held = f"{values.shape} {values.dtype}" if isinstance(values, np.ndarray) else "several arrays"
        raise InputError(f"{path}: holds {held}; a slice is (rows, columns) of numbers")
    lowest, highest = float(values.min()), float(values.max())
    if not np.isfinite([lowest, highest]).all():
        raise InputError(f"{path}: has values that are not finite; a slice must have none")
    if max(-lowest, highest) > _FAR:
        raise InputError(
            f"{path}: values from {lowest:g} to {highest:g} are Hounsfield units, it seems; stored values are "
            "(HU + 1024) / 4096"
        )
    return np.asarray(values, np.float32)[..., None]


def _slices(folder: str | Path, dose: str, patients: Sequence[str] | None) -> dict[tuple[str, int], Path]:
    """Return the slices of a dose by patient and index."""
    found: dict[tuple[str, int], Path] = {}
    for path in expand_inputs([folder], (".npy",)):
        parts = _parts(path)
        if parts["dose"] != dose or (patients is not None and parts["patient"] not in patients):
            continue
        name = parts["patient"], int(parts["index"])
        if name in found:
            raise InputError(f"{path}: {found[name].name} is the same slice; keep one of them")
        found[name] = path
    missing = sorted(set(patients or ()) - {patient for patient, _ in found})
    if missing or not found:
        whose = f" of {some(missing)}" if missing else ""
        others = f"; patients there are {some(sorted({patient for patient, _ in found}))}" if found else ""
        raise InputError(f"{folder}: no slice{whose} at this dose; they are named <patient>_<index>_{dose}.npy{others}")
    return found


def _parts(path: Path) -> dict[str, str]:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise InputError(f"{path}: slices are named <patient>_<index>_input.npy and <patient>_<index>_target.npy")
    return match.groupdict()
