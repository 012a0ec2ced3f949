"""The slices of a DICOM series, each a file or a frame of one: what headers say of them, and their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files import natural_key
from .dicom_files import frame_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

# where the headers of multi-frame files have what those of single slices have at their top
_GROUPS = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "SpacingBetweenSlices": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
}


@dataclass(frozen=True, eq=False)
class Frame:
    """One slice: a file, or a frame of a file of several.

    Attributes:
        file: where it is.
        header: the data set without its pixels.
        number: of the frame within the file, from 0.
    """

    file: Path
    header: Any = field(repr=False)
    number: int = 0

    def get(self, name: str) -> Any:
        """Return an attribute of this frame, of all frames of its file, or of the file; None where there is none.

        Args:
            name: of the place, the size or the rescaling of a slice.
        """
        for sequence, item in (
            ("PerFrameFunctionalGroupsSequence", self.number),
            ("SharedFunctionalGroupsSequence", 0),
        ):
            frames = self.header.get(sequence) or ()
            group = frames[item].get(_GROUPS[name]) if item < len(frames) else None
            if group and group[0].get(name) is not None:
                return group[0].get(name)
        # at the top of a file of several frames it can be true of the first only
        several = name == "ImagePositionPatient" and frame_count(self.header) > 1
        return None if several else self.header.get(name)

    @property
    def rescaling(self) -> tuple[float, float]:
        """Slope and intercept, which make values of the numbers that are stored; a slope of 0 counts as 1."""
        slope, intercept = self.get("RescaleSlope"), self.get("RescaleIntercept")
        return float(slope or 1), float(intercept or 0)

    @property
    def position(self) -> NDArray[np.float64] | None:
        """(3,): of the centre of the first pixel in mm, in DICOM's axes (left, back, up); None if unknown."""
        position = np.array(self.get("ImagePositionPatient") or (), np.float64)
        return position if position.size == 3 else None

    @property
    def directions(self) -> NDArray[np.float64] | None:
        """(3, 2): in which columns and rows grow, in DICOM's axes; None if unknown."""
        cosines = np.array(self.get("ImageOrientationPatient") or (), np.float64)
        return cosines.reshape(2, 3).T if cosines.size == 6 else None

    @property
    def steps(self) -> NDArray[np.float64] | None:
        """(3, 2): steps in mm to the next column and to the next row, in DICOM's axes; None if unknown."""
        spacing = np.array(self.get("PixelSpacing") or (), np.float64)
        return None if self.directions is None or spacing.size != 2 else self.directions * spacing[::-1]

    @property
    def normal(self) -> NDArray[np.float64] | None:
        """(3,), of length 1, or 0 if directions are not two: across the slice, to the right hand; None if unknown."""
        directions = self.directions
        if directions is None:
            return None
        across = np.cross(directions[:, 0], directions[:, 1])
        length = np.linalg.norm(across)
        return across / length if length else across


def frames_of(headers: Mapping[Path, Any]) -> list[Frame]:
    """Return all the slices of some files."""
    return [Frame(file, header, number) for file, header in headers.items() for number in range(frame_count(header))]


def in_order(frames: Sequence[Frame]) -> tuple[list[Frame], NDArray[np.float64] | None]:
    """Return frames in order along the normal of the first, and how far along it each lies.

    Frames in one place are ordered by their instance number and name. So are all where one does not say where it lies.

    Returns:
        The frames; and (D,) in mm, rising, or None where places are unknown.
    """
    normal = frames[0].normal
    along: dict[Frame, float] = {}
    for frame in frames:
        position = frame.position
        if normal is None or position is None:
            return sorted(frames, key=_by_number), None
        along[frame] = float(position @ normal)
    ordered = sorted(frames, key=lambda frame: (along[frame], _by_number(frame)))
    return ordered, np.array([along[frame] for frame in ordered])


def _by_number(frame: Frame) -> tuple[int, list[tuple[int, int | str]], int]:
    return int(frame.header.get("InstanceNumber") or 0), natural_key(frame.file.name), frame.number
