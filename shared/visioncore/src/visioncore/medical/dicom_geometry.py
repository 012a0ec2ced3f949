"""Where the slices of a DICOM series lie, in which order they belong, and the affine they make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .dicom_frames import Frame, in_order
from .orientation import Affine
from .volume import affine_fault

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From DICOM's axes, left and back, to those of volumes."""
UNEVEN = 0.2
"""How far a slice may lie from its place in an even stack, in steps from slice to slice."""
_GAP = 1.5
"""Steps larger than this many usual ones are gaps."""


class Arrangement(NamedTuple):
    """The slices of a volume and their place."""

    frames: list[Frame]
    """In order along their normal; without places, by instance number and name."""
    affine: Affine
    """Of the volume; where it is not located, nothing but the steps between voxels, 1 where they are unknown."""
    located: bool
    """Whether the headers say where the volume lies."""
    notes: tuple[str, ...] = ()
    """A line if slices are missing, or of unknown place."""


def arrange(frames: Sequence[Frame], source: Path, *, placed: bool = True) -> Arrangement:
    """Return the slices of a series as a volume has them.

    Args:
        frames: the slices.
        source: where they are from, for messages.
        placed: slices must make one even stack, and it is noted if nobody can tell where it lies. Else they are taken
            as they are, those in one place too; where they make no stack, the volume is not located.

    Raises:
        InputError: if ``placed`` and the spacing of pixels is not above 0; if only some slices say where they lie; if
            they lie at several angles, have several pixel sizes, lie in one place, or not at even steps.
    """
    if placed:
        if fault := _spacing_fault(frames):
            raise InputError(f"{fault}; repair the header")
        return _stack(frames, source)
    ordered, heights = in_order(frames)
    try:
        stack = _stack(frames, source)
    except InputError:
        stack = None
    if stack is None or affine_fault(stack.affine):
        stack = Arrangement(ordered, _steps(frames[0]), False)
    steps = np.diff(() if heights is None else heights)
    usual = float(np.median(steps)) if len(steps) > 1 else 0.0
    gaps = usual > 0 and steps.max() > _GAP * usual
    notes: tuple[str, ...] = ()
    if gaps:
        notes = (f"{source}: {_uneven(ordered, steps)}; those that are there are taken",)
    if fault := _spacing_fault(frames):
        notes += (f"{fault}; it is kept",)
    return stack._replace(notes=notes)


def _spacing_fault(frames: Sequence[Frame]) -> str | None:
    """Spacing of pixels that is not above 0; None if there is none."""
    for frame in frames:
        spacing = [float(step) for step in frame.get("PixelSpacing") or ()]
        if not all(step > 0 for step in spacing):
            return f"{frame.file}: PixelSpacing is {' x '.join(f'{step:g}' for step in spacing)}, not above 0"
    return None


def _stack(frames: Sequence[Frame], source: Path) -> Arrangement:
    """Return frames that make one even stack, or of unknown place."""
    located = [frame for frame in frames if frame.position is not None and frame.steps is not None]
    if not located or (len(frames) == 1 and _thickness(frames[0]) is None):
        unknown = (
            f"{source}: the DICOM header does not say where the voxels lie, or how thick slices are; sizes in mm are "
            "unknown"
        )
        return Arrangement(in_order(frames)[0], _steps(frames[0]), False, (unknown,))
    if len(located) < len(frames):
        without = next(frame for frame in frames if frame not in located)
        raise InputError(
            f"{source}: {len(frames) - len(located)} of {len(frames)} slices say nothing of their place, "
            f"first {without.file.name}; leave them out, or name the series that is wanted"
        )
    along = np.array([frame.steps for frame in frames])
    different = np.abs(along - along[0]).max(axis=(1, 2)) > 1e-3 * np.linalg.norm(along[0])
    if different.any():
        raise InputError(
            f"{source}: slices of several orientations or pixel sizes, as of {frames[0].file.name} and "
            f"{frames[different.argmax()].file.name}; a volume has one, so keep those that belong together in a folder "
            "of their own"
        )
    ordered, _ = in_order(frames)
    positions = np.array([frame.position for frame in ordered])
    affine = np.eye(4)
    affine[:3] = np.column_stack([along[0], _even_step(positions, ordered, source), positions[0]])
    return Arrangement(ordered, LPS_TO_RAS @ affine, True, _thickness_notes(frames))


def _even_step(positions: NDArray[np.float64], frames: Sequence[Frame], source: Path) -> NDArray[np.float64]:
    """Return the step from slice to slice, (3,); frames and their positions (D, 3) are in order."""
    normal = frames[0].normal
    assert normal is not None  # of frames that are located
    if len(frames) == 1:
        return normal * (_thickness(frames[0]) or 1.0)
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
        raise InputError(f"{source}: {_uneven(frames, lengths)}; complete the series")
    return step


def _uneven(frames: Sequence[Frame], steps: NDArray[np.float64]) -> str:
    """Describe steps in mm (D - 1,) that differ: the worst, the usual, and how many more are gaps."""
    usual = float(np.median(steps))
    worst = int(np.abs(steps - usual).argmax())
    others = int((np.delete(steps, worst) > _GAP * usual).sum())
    more = f", and {others} more such gap{'s' * (others > 1)}" if others else ""
    return (
        f"slices are missing or at uneven steps, {steps[worst]:.4g} mm from {frames[worst].file.name} to "
        f"{frames[worst + 1].file.name} but {usual:.4g} mm as a rule{more}"
    )


def _steps(frame: Frame) -> Affine:
    """Return an affine with only the spacing, 1 where it is unknown."""
    row, column = frame.get("PixelSpacing") or (1, 1)
    return np.diag([float(column) or 1.0, float(row) or 1.0, _thickness(frame) or 1.0, 1.0])


def _thickness_notes(frames: Sequence[Frame]) -> tuple[str, ...]:
    """Return a note where the thickness of the only slice is below 0."""
    given = float(frames[0].get("SpacingBetweenSlices") or frames[0].get("SliceThickness") or 0)
    if len(frames) > 1 or given >= 0:
        return ()
    return (f"{frames[0].file}: the slice is {given:g} mm thick by its header; {-given:g} mm are taken",)


def _thickness(frame: Frame) -> float | None:
    """Return the distance to the next slice in mm from the header; None if it has none."""
    return abs(float(frame.get("SpacingBetweenSlices") or frame.get("SliceThickness") or 0)) or None
