"""A slice of CT in DICOM: how its stored values become Hounsfield units, and which slices are missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from visioncore.errors import InputError
from visioncore.medical.frames import Frame, in_order


def rescaling(frame: Frame) -> tuple[float, float]:
    """Return slope and intercept, which make Hounsfield units of stored values.

    Raises:
        InputError: if the file has none.
    """
    slope, intercept = frame.get("RescaleSlope"), frame.get("RescaleIntercept")
    if slope is None or intercept is None or not float(slope):
        raise InputError(
            f"{frame.file}: has no RescaleSlope and RescaleIntercept, so nobody can tell its values in Hounsfield "
            "units; add these tags, or give Hounsfield units as NIfTI or npy"
        )
    return float(slope), float(intercept)


def stacked(path: Path, frames: Sequence[Frame]) -> tuple[list[Frame], tuple[str, ...]]:
    """Return slices in order along their normal, and a line if there are gaps; without places, by their numbers."""
    ordered, heights = in_order(frames)
    if heights is None:
        return ordered, ()
    steps = np.diff(heights)
    if len(steps) < 2 or not (usual := float(np.median(steps))) > 0:
        return ordered, ()
    gaps = np.flatnonzero(steps > 1.5 * usual)
    if not len(gaps):
        return ordered, ()
    before, after = ordered[gaps[0]].file.name, ordered[gaps[0] + 1].file.name
    more = f", and {len(gaps) - 1} more such gaps" if len(gaps) > 1 else ""
    note = (
        f"{path}: slices are missing: {steps[gaps[0]]:.4g} mm from {before} to {after}, {usual:.4g} mm as a rule"
        f"{more}; those that are there are taken"
    )
    return ordered, (note,)
