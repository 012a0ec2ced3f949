"""A figure of a segmented scan: an axial, a coronal and a sagittal slice, organs in colour, sizes in the legend."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.extras import require
from visioncore.medical import Volume
from visioncore.report import new_figure

from ..data.intensity_windows import apply_window
from ..data.organ_colours import organ_colours

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

WIDTH, HEIGHT, GAP = 12.0, 6.0, 0.1
"""Inches: the most that the planes take up, and what is left between them."""
ENTRY, LINE = 2.4, 0.22
"""Inches: width and height of an entry of the legend."""

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


def plot_preview(scan: Volume, labels: Volume, legend: Mapping[int, str], window: str) -> Figure:
    """Return a figure of the axial, coronal and sagittal slice with most organs, in the radiological view.

    Patients are seen from their feet and from the front: their right is on the left. Where the scan does not say how
    it lies, planes are shown as they are stored.

    Args:
        scan: (D, H, W), or (D, H, W, 3) for RGB.
        labels: (D, H, W) whole numbers, 0 for background, in the place of the scan.
        legend: label -> what is written for it; labels that are not in it are not coloured.
        window: intensities that are black and white, see `windows.parse_window`.

    Raises:
        InputError: if matplotlib is missing.
    """
    rectangle = require("matplotlib.patches", "images").Rectangle
    colours = organ_colours(legend)
    planes = cut_planes(scan.oriented("LPS"), labels.oriented("LPS"), colours, window)
    scale = min(WIDTH / sum(plane.millimetres[1] for plane in planes), HEIGHT / max(p.millimetres[0] for p in planes))
    sizes = [(plane.millimetres[0] * scale, plane.millimetres[1] * scale) for plane in planes]
    taken = sum(size[1] for size in sizes) + GAP * (len(sizes) - 1)
    width, tallest = max(taken, WIDTH / 2), max(size[0] for size in sizes)
    columns = max(1, min(len(legend), int(width / ENTRY)))
    below, above = 0.3 + LINE * math.ceil(len(legend) / columns), 0.3
    height = tallest + below + above
    figure = new_figure(width, height, "black")
    # one frame for all, in inches: those of matplotlib, and its legend, take most of its time
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    left = (width - taken) / 2
    for plane, (tall, wide) in zip(planes, sizes, strict=True):
        _draw(axes, plane, left, below + (tallest - tall) / 2, tall, wide)
        left += wide + GAP
    axes.set(xlim=(0, width), ylim=(0, height), aspect="auto")
    start = (width - columns * ENTRY) / 2
    for number, (label, text) in enumerate(legend.items()):
        x, y = start + number % columns * ENTRY, below - 0.15 - LINE * (number // columns + 0.5)
        axes.add_patch(rectangle((x, y - 0.05), 0.25, 0.1, color=colours[label]))
        axes.text(x + 0.33, y, text, color="white", fontsize=9, va="center_baseline")
    if not legend:
        axes.text(width / 2, 0.1, "nothing found", color="white", fontsize=9, ha="center")
    return figure


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
    scores = [np.zeros((len(wanted) + 1, length)) for length in labels.shape]
    numbers = np.zeros(max([int(labels.max()), *wanted]) + 1, np.intp)
    numbers[wanted] = np.arange(1, len(wanted) + 1)
    for index, whole in enumerate(labels):  # one at a time, for the sake of memory
        inside = np.flatnonzero(whole.any(axis=1))
        if not inside.size:
            continue
        plane = whole[inside[0] : inside[-1] + 1]
        rows, columns = np.nonzero(plane)
        found = numbers[plane[rows, columns]]
        rows += inside[0]
        for score, places in zip(scores, (index, rows, columns), strict=True):
            score += np.bincount(found * score.shape[1] + places, minlength=score.size).reshape(score.shape)
    indices = []
    for score in scores:
        found = score[1:][score[1:].any(axis=1)]
        total = (found / found.max(axis=1, keepdims=True)).sum(axis=0)
        indices.append(int(total.argmax()) if found.size else score.shape[1] // 2)
    return indices[0], indices[1], indices[2]


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


def _draw(axes: Any, plane: Plane, left: float, bottom: float, tall: float, wide: float) -> None:
    """Draw a plane at its place, in inches."""
    axes.imshow(plane.image, extent=(left, left + wide, bottom, bottom + tall), interpolation="nearest")
    axes.text(left + wide / 2, bottom + tall + 0.08, plane.name, color="white", fontsize=10, ha="center")
    places = (
        *((0.5, 0.97, "center", "top"), (0.5, 0.03, "center", "bottom")),
        *((0.02, 0.5, "left", "center"), (0.98, 0.5, "right", "center")),
    )
    for letter, (x, y, horizontal, vertical) in zip(plane.letters, places, strict=False):
        place = left + x * wide, bottom + y * tall
        axes.text(*place, letter, color="yellow", fontsize=11, ha=horizontal, va=vertical)
