"""A slice of CT in DICOM: what its header says of its values and its place, and in which order slices lie."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.errors import InputError
from visioncore.files import natural_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

# where files of several frames have what those of one have at the top
_GROUPS = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
}


@dataclass(frozen=True, eq=False)
class Slice:
    """A file with one slice, or a frame of a file with several.

    Attributes:
        file: where it is.
        header: the data set without its pixels.
        number: of the frame in the file, from 0.
    """

    file: Path
    header: Any = field(repr=False)
    number: int = 0

    def get(self, name: str) -> Any:
        """Return an attribute of this frame, of all frames of its file, or of the file; None where there is none."""
        for sequence, item in (
            ("PerFrameFunctionalGroupsSequence", self.number),
            ("SharedFunctionalGroupsSequence", 0),
        ):
            frames = self.header.get(sequence) or ()
            group = frames[item].get(_GROUPS[name]) if item < len(frames) else None
            if group and group[0].get(name) is not None:
                return group[0].get(name)
        return self.header.get(name)

    @property
    def rescaling(self) -> tuple[float, float]:
        """Slope and intercept, which make Hounsfield units of stored values.

        Raises:
            InputError: if the file has none.
        """
        slope, intercept = self.get("RescaleSlope"), self.get("RescaleIntercept")
        if slope is None or intercept is None or not float(slope):
            raise InputError(
                f"{self.file}: has no RescaleSlope and RescaleIntercept, so nobody can tell its values in Hounsfield "
                "units; add these tags, or give Hounsfield units as NIfTI or npy"
            )
        return float(slope), float(intercept)

    @property
    def place(self) -> NDArray[np.float64] | None:
        """(3,), where the slice lies in mm; None if the file does not say."""
        position = np.array(self.get("ImagePositionPatient") or (), np.float64)
        return position if position.size == 3 else None

    @property
    def normal(self) -> NDArray[np.float64] | None:
        """(3,), the direction across the slice; None if the file does not say."""
        cosines = np.array(self.get("ImageOrientationPatient") or (), np.float64)
        return np.cross(cosines[:3], cosines[3:]) if cosines.size == 6 else None


def in_order(path: Path, slices: list[Slice]) -> tuple[list[Slice], tuple[str, ...]]:
    """Return slices in order along their normal, and a line if there are gaps; without places, by their numbers."""
    normal = slices[0].normal
    places = [piece.place for piece in slices]
    if normal is None or any(place is None for place in places):
        return sorted(slices, key=_by_number), ()
    heights = {piece: float(place @ normal) for piece, place in zip(slices, places, strict=True) if place is not None}
    ordered = sorted(slices, key=lambda piece: (heights[piece], _by_number(piece)))
    steps = np.diff([heights[piece] for piece in ordered])
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


def _by_number(piece: Slice) -> tuple[int, list[tuple[int, int | str]], int]:
    return int(piece.header.get("InstanceNumber") or 0), natural_key(piece.file.name), piece.number
