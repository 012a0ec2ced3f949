"""The planes of a DICOM series: where each slice lies, in which order they belong, and the affine they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.files import natural_key

from .geometry import LPS_TO_RAS, Affine

UNEVEN = 0.2
"""How far a slice may lie from its place in an even stack, in steps from slice to slice."""

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


class Plane(NamedTuple):
    """Where a slice lies, in DICOM's axes (left, back, up), in mm."""

    position: NDArray[np.float64]
    """(3,): of the centre of the first pixel."""
    along: NDArray[np.float64]
    """(3, 2): steps to the next column and to the next row."""

    @property
    def normal(self) -> NDArray[np.float64]:
        """(3,), of length 1: across the slice, to the right hand of columns and rows."""
        across = np.cross(self.along[:, 0], self.along[:, 1])
        length = np.linalg.norm(across)
        return across / length if length else across


@dataclass(frozen=True, eq=False)
class Frame:
    """One slice: a file, or a frame of a file of several.

    Attributes:
        file: where it is.
        header: the data set without its pixels.
        number: of the frame within the file, from 0.
    """

    file: Path
    header: Any
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
        # at the top of a file of several frames it can be true of the first only
        several = name == "ImagePositionPatient" and int(self.header.get("NumberOfFrames") or 1) > 1
        return None if several else self.header.get(name)

    @property
    def plane(self) -> Plane | None:
        """Where the slice lies; None if the file does not say."""
        position, cosines, spacing = (
            np.array(self.get(name) or (), np.float64)
            for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
        )
        if (position.size, cosines.size, spacing.size) != (3, 6, 2):
            return None
        return Plane(position, cosines.reshape(2, 3).T * spacing[::-1])

    @property
    def thickness(self) -> float | None:
        """The step to the next slice in mm as the header has it; None if it does not say."""
        return abs(float(self.get("SpacingBetweenSlices") or self.get("SliceThickness") or 0)) or None


def arrange(frames: Sequence[Frame], source: Path) -> tuple[list[Frame], Affine, bool]:
    """Return the frames in order along their normal, their affine, and whether they say where they lie.

    Frames that do not say are ordered by their instance number and name.

    Raises:
        InputError: if only some say; if they lie at several angles, have several pixel sizes, lie in one place, or not
            at even steps.
    """
    planes = {frame: frame.plane for frame in frames}
    placed = {frame: plane for frame, plane in planes.items() if plane is not None}
    if not placed or (len(frames) == 1 and frames[0].thickness is None):
        return sorted(frames, key=_by_number), _steps(frames[0]), False
    if len(placed) < len(frames):
        without = next(frame for frame in frames if frame not in placed)
        raise InputError(
            f"{source}: {len(frames) - len(placed)} of {len(frames)} slices say nothing of their place, "
            f"first {without.file.name}; leave them out, or name the series that is wanted"
        )
    first = placed[frames[0]]
    for frame, plane in placed.items():
        if not np.allclose(plane.along, first.along, rtol=0, atol=1e-3 * np.linalg.norm(first.along)):
            raise InputError(
                f"{source}: slices of several orientations or pixel sizes, as of {frames[0].file.name} and "
                f"{frame.file.name}; a volume has one, so keep those that belong together in a folder of their own"
            )
    normal = first.normal
    ordered = sorted(frames, key=lambda frame: float(placed[frame].position @ normal))
    positions = np.array([placed[frame].position for frame in ordered])
    step = _even_step(positions, normal, ordered, source)
    affine = np.eye(4)
    affine[:3] = np.column_stack([first.along, step, positions[0]])
    return ordered, LPS_TO_RAS @ affine, True


def _even_step(
    positions: NDArray[np.float64], normal: NDArray[np.float64], frames: Sequence[Frame], source: Path
) -> NDArray[np.float64]:
    """Return the step from slice to slice, (3,); positions (D, 3) are in order."""
    if len(frames) == 1:
        return normal * (frames[0].thickness or 1.0)
    gaps = np.diff(positions @ normal)
    closest = int(gaps.argmin())
    if gaps[closest] < 1e-3:
        raise InputError(
            f"{source}: {frames[closest].file.name} and {frames[closest + 1].file.name} lie in one place (several "
            "phases, echoes or copies); keep one of each in a folder of its own"
        )
    step: NDArray[np.float64] = (positions[-1] - positions[0]) / len(gaps)
    off = np.linalg.norm(positions - (positions[0] + np.arange(len(positions))[:, None] * step), axis=1)
    if off.max() > UNEVEN * np.linalg.norm(step):
        lengths = np.linalg.norm(np.diff(positions, axis=0), axis=1)
        usual = float(np.median(lengths))
        worst = int(np.abs(lengths - usual).argmax())
        raise InputError(
            f"{source}: slices are missing or at uneven steps, {lengths[worst]:.4g} mm from "
            f"{frames[worst].file.name} to {frames[worst + 1].file.name} but {usual:.4g} mm as a rule; complete the "
            "series"
        )
    return step


def _steps(frame: Frame) -> Affine:
    """Return an affine of nothing but the steps between voxels, 1 where they are unknown."""
    row, column = frame.get("PixelSpacing") or (1, 1)
    return np.diag([float(column), float(row), frame.thickness or 1.0, 1.0])


def _by_number(frame: Frame) -> tuple[int, list[tuple[int, int | str]], int]:
    return int(frame.header.get("InstanceNumber") or 0), natural_key(frame.file.name), frame.number
