"""Slices that show most of the organs of a scan: an axial, a coronal and a sagittal one, organs in colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.medical import Volume

from ..data.intensity_windows import apply_window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

FILL = 0.35
"""How strongly organs are coloured inside their outlines."""


@dataclass(frozen=True)
class Plane:
    """One slice to show.

    Attributes:
        name: what it is called.
        image: (rows, columns, 3) in [0, 1], organs coloured.
        millimetres: its height and width; voxels, where sizes are unknown.
        letters: where its top, bottom, left and right lie in the patient, such as ``APRL``; or nothing.
    """

    name: str
    image: Floats
    millimetres: tuple[float, float]
    letters: str


def cut_planes(
    scan: Volume, labels: Volume, colours: Mapping[int, tuple[float, float, float]], window: str
) -> list[Plane]:
    """Return the planes to show of a volume in LPS order; those that are a single line of voxels are left out."""
    across, row, column = scan.spacing
    depth, height, width = labels.voxels.shape
    sizes = ((height * row, width * column), (depth * across, width * column), (depth * across, height * row))
    names = ("axial", "coronal", "sagittal") if scan.located else ("rows, columns", "slices, columns", "slices, rows")
    letters = ("APRL", "SIRL", "SIAP") if scan.located else ("", "", "")
    planes = []
    for axis, index in enumerate(slices_to_show(labels.voxels, list(colours))):
        shown, organs = (np.take(volume.voxels, index, axis) for volume in (scan, labels))
        if axis > 0 and 1 in organs.shape:
            continue
        image = overlay(apply_window(shown, window), organs, colours)
        if axis > 0 and scan.located:
            image = image[::-1]  # slices lead upwards, rows of an image downwards
        planes.append(Plane(names[axis], image, sizes[axis], letters[axis]))
    return planes


def slices_to_show(labels: NDArray[Any], wanted: list[int]) -> tuple[int, int, int]:
    """Return the slice along each axis that shows most of the wanted labels, relative to their largest areas.

    Args:
        labels: (D, H, W) whole numbers.
        wanted: labels that count; where there are none of them the indices are in the middle.
    """
    depth, height, width = labels.shape
    slices, rows, steps = (np.zeros((len(wanted) + 1, length)) for length in (depth, height, width + 1))
    numbers = np.zeros(max([int(labels.max()), *wanted]) + 1, np.intp)
    numbers[wanted] = np.arange(1, len(wanted) + 1)
    for index, whole in enumerate(labels):  # one at a time, for the sake of memory
        inside = np.flatnonzero(whole.any(axis=1))
        if not inside.size:
            continue
        # labels are runs of many voxels: what counts is where those begin and end
        plane = np.pad(whole[inside[0] : inside[-1] + 1], ((0, 0), (1, 1)))
        row, column = np.nonzero(plane[:, 1:] != plane[:, :-1])
        areas = np.zeros_like(rows)
        for sign, side in ((1, column + 1), (-1, column)):
            found = numbers[plane[row, side]]
            areas[:, inside[0] :] -= sign * _totals(found, row, column, len(wanted) + 1, height - inside[0])
            steps += sign * _totals(found, column, None, len(wanted) + 1, width + 1)
        rows += areas
        slices[:, index] = areas.sum(axis=1)
    indices = []
    for score in (slices, rows, steps.cumsum(axis=1)[:, :-1]):
        found = score[1:][score[1:].any(axis=1)]
        total = (found / found.max(axis=1, keepdims=True)).sum(axis=0)
        indices.append(int(total.argmax()) if found.size else score.shape[1] // 2)
    return indices[0], indices[1], indices[2]


def _totals(
    found: NDArray[np.intp], places: NDArray[np.intp], weights: NDArray[np.intp] | None, labels: int, length: int
) -> NDArray[Any]:
    """Return the sum of weights, or the number, of what was found of each label at each place, (labels, length)."""
    return np.bincount(found * length + places, weights, labels * length).reshape(labels, length)


def overlay(shown: Floats, organs: NDArray[Any], colours: Mapping[int, tuple[float, float, float]]) -> Floats:
    """Return a slice, (H, W) or (H, W, 3) in [0, 1], as (H, W, 3) with organs tinted and outlined."""
    image = np.repeat(shown[..., None], 3, axis=-1) if shown.ndim == 2 else shown.copy()
    padded = np.pad(organs, 1, mode="edge")
    inside = np.ones(organs.shape, bool)
    for neighbour in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        inside &= neighbour == organs
    for label, colour in colours.items():
        organ = organs == label
        tinted, outline = organ & inside, organ & ~inside
        image[tinted] += FILL * (np.asarray(colour, np.float32) - image[tinted])
        image[outline] = colour
    return image
