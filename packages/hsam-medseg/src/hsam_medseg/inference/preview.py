"""A figure of a segmented scan: an axial, a coronal and a sagittal slice, organs in colour, sizes in the legend."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.extras import require
from visioncore.medical import Volume
from visioncore.report import new_figure

from ..data.intensity_windows import apply_window

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

WIDTH, HEIGHT, GAP = 12.0, 6.0, 0.1
"""Inches: the most that the planes take up, and what is left between them."""

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
    patches = require("matplotlib.patches", "images")
    colours = organ_colours(legend)
    planes = cut_planes(scan.oriented("LPS"), labels.oriented("LPS"), colours, window)
    scale = min(WIDTH / sum(plane.millimetres[1] for plane in planes), HEIGHT / max(p.millimetres[0] for p in planes))
    sizes = [(plane.millimetres[0] * scale, plane.millimetres[1] * scale) for plane in planes]
    taken = sum(size[1] for size in sizes) + GAP * (len(sizes) - 1)
    width, height = max(taken, WIDTH / 2), max(size[0] for size in sizes)
    columns = max(1, min(len(legend), int(width / 2.4)))
    below, above = 0.3 + 0.22 * math.ceil(len(legend) / columns), 0.3
    figure = new_figure(width, height + below + above, "black")
    left = (width - taken) / 2
    for plane, (tall, wide) in zip(planes, sizes, strict=True):
        bottom = below + (height - tall) / 2
        place = (left / width, bottom / (height + below + above), wide / width, tall / (height + below + above))
        _draw(figure.add_axes(place), plane)
        left += wide + GAP
    handles = [patches.Patch(color=colours[label], label=text) for label, text in legend.items()]
    if handles:
        figure.legend(handles=handles, loc="lower center", ncols=columns, frameon=False, labelcolor="white", fontsize=9)
    else:
        figure.text(0.5, 0.02, "nothing found", color="white", fontsize=9, ha="center")
    return figure


def organ_colours(labels: Iterable[int]) -> dict[int, tuple[float, float, float]]:
    """Return the colour of each label, (red, green, blue) in [0, 1]; it is the same in every scan.

    Hues go round by the golden ratio, so that any number of them lie well apart; those of the closest hues are 5, 8
    or 13 labels apart, and differ in saturation or brightness, of which there are three.
    """
    golden, shades = (math.sqrt(5) - 1) / 2, ((0.9, 1.0), (0.5, 1.0), (0.9, 0.7))
    return {label: colorsys.hsv_to_rgb((0.4 + label * golden) % 1, *shades[(label - 1) % 3]) for label in labels}


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
    for index, plane in enumerate(labels):  # one at a time, for the sake of memory
        rows, columns = np.nonzero(plane)
        found = numbers[plane[rows, columns]]
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


def _draw(axes: Any, plane: Plane) -> None:
    """Draw a plane with its true aspect ratio."""
    axes.imshow(plane.image, aspect="auto", interpolation="nearest")
    axes.set_title(plane.name, color="white", fontsize=10)
    axes.axis("off")
    places = (
        *((0.5, 0.97, "center", "top"), (0.5, 0.03, "center", "bottom")),
        *((0.02, 0.5, "left", "center"), (0.98, 0.5, "right", "center")),
    )
    for letter, (x, y, horizontal, vertical) in zip(plane.letters, places, strict=False):
        axes.text(x, y, letter, color="yellow", fontsize=11, ha=horizontal, va=vertical, transform=axes.transAxes)
