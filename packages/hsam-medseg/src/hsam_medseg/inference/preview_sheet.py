"""The preview of a segmented scan: three planes under their names, organs and their sizes below; drawn in two ways.

Where everything stands is worked out once, in inches. `draw_image` makes pixels of it at once and without matplotlib,
whose loading and drawing take ten times as long; `draw_figure` a figure that notebooks show and vector formats hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from visioncore.extras import require
from visioncore.images import Image
from visioncore.medical import Volume
from visioncore.report import DPI, label_font, new_figure

from ..data.organ_colours import organ_colours
from .preview import Plane, cut_planes

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

WIDTH, HEIGHT, GAP = 12.0, 6.0, 0.1
"""Inches: the most that the planes take up, and what is left between them."""
ENTRY, LINE = 2.4, 0.22
"""Inches: width and height of an entry of the legend."""
CAPITALS = 0.729
"""Height of capital letters as a part of the size of the font."""


@dataclass(frozen=True)
class Box:
    """A rectangle on the sheet, in inches from its lower left corner."""

    left: float
    bottom: float
    wide: float
    tall: float


@dataclass(frozen=True)
class Words:
    """A line of text on the sheet; its place is that of the baseline, in inches, its size is in points."""

    text: str
    x: float
    y: float
    colour: Literal["white", "yellow"]
    size: int
    side: Literal["left", "center", "right"]


@dataclass(frozen=True)
class Sheet:
    """The layout of a preview: its size in inches, planes, marks in the colours of organs, and text."""

    width: float
    height: float
    planes: Sequence[tuple[Plane, Box]]
    marks: Sequence[tuple[tuple[float, float, float], Box]]
    words: Sequence[Words]


def lay_out(scan: Volume, labels: Volume, legend: Mapping[int, str], window: str) -> Sheet:
    """Return the axial, coronal and sagittal slice with most organs, in the radiological view.

    Patients are seen from their feet and from the front: their right is on the left. Where the scan does not say how
    it lies, planes are shown as they are stored.

    Args:
        scan: (D, H, W), or (D, H, W, 3) for RGB.
        labels: (D, H, W) whole numbers, 0 for background, in the place of the scan.
        legend: label -> what is written for it; labels that are not in it are not coloured.
        window: intensities that are black and white, see `windows.parse_window`.
    """
    colours = organ_colours(legend)
    planes = cut_planes(scan.oriented("LPS"), labels.oriented("LPS"), colours, window)
    scale = min(WIDTH / sum(plane.millimetres[1] for plane in planes), HEIGHT / max(p.millimetres[0] for p in planes))
    sizes = [(plane.millimetres[0] * scale, plane.millimetres[1] * scale) for plane in planes]
    taken = sum(size[1] for size in sizes) + GAP * (len(sizes) - 1)
    width, tallest = max(taken, WIDTH / 2), max(size[0] for size in sizes)
    columns = max(1, min(len(legend), int(width / ENTRY)))
    below, above = 0.3 + LINE * math.ceil(len(legend) / columns), 0.3
    places, left = [], (width - taken) / 2
    for tall, wide in sizes:
        places.append(Box(left, below + (tallest - tall) / 2, wide, tall))
        left += wide + GAP
    words = [line for plane, box in zip(planes, places, strict=True) for line in _around(plane, box)]
    marks = []
    start = (width - columns * ENTRY) / 2
    for number, (label, text) in enumerate(legend.items()):
        x, y = start + number % columns * ENTRY, below - 0.15 - LINE * (number // columns + 0.5)
        marks.append((colours[label], Box(x, y - 0.05, 0.25, 0.1)))
        words.append(Words(text, x + 0.33, y - _capitals(9) / 2, "white", 9, "left"))
    if not legend:
        words.append(Words("nothing found", width / 2, 0.1, "white", 9, "center"))
    shown = list(zip(planes, places, strict=True))
    return Sheet(_whole(width), _whole(tallest + below + above), shown, marks, words)


def draw_image(sheet: Sheet) -> Image:
    """Return a sheet as an image.

    Raises:
        InputError: if Pillow or matplotlib, whose font it takes, is missing.
    """
    pixels = np.zeros((round(sheet.height * DPI), round(sheet.width * DPI), 3), np.uint8)
    for plane, box in sheet.planes:
        rows, from_rows = _nearest(sheet.height - box.bottom - box.tall, box.tall, plane.image.shape[0], len(pixels))
        columns, from_columns = _nearest(box.left, box.wide, plane.image.shape[1], pixels.shape[1])
        shown = (plane.image * 255).round().astype(np.uint8)
        pixels[rows, columns] = shown[:, from_columns][from_rows]
    canvas = require("PIL.Image", "images").fromarray(pixels)
    draw = require("PIL.ImageDraw", "images").Draw(canvas)
    for colour, box in sheet.marks:
        corners = (box.left, sheet.height - box.bottom - box.tall, box.left + box.wide, sheet.height - box.bottom)
        left, top, right, bottom = (round(inches * DPI) for inches in corners)
        draw.rectangle((left, top, right - 1, bottom - 1), fill=tuple(round(255 * part) for part in colour))
    fonts = {size: label_font(size * DPI / 72) for size in {words.size for words in sheet.words}}
    for words in sheet.words:
        place = words.x * DPI, (sheet.height - words.y) * DPI
        anchor = {"left": "ls", "center": "ms", "right": "rs"}[words.side]
        draw.text(place, words.text, words.colour, fonts[words.size], anchor)
    return Image(np.asarray(canvas), dpi=(DPI, DPI))


def draw_figure(sheet: Sheet) -> Figure:
    """Return a sheet as a figure of matplotlib.

    Raises:
        InputError: if matplotlib is missing.
    """
    rectangle = require("matplotlib.patches", "images").Rectangle
    figure = new_figure(sheet.width, sheet.height, "black")
    # one frame for all, in inches: those of matplotlib, and its legend, take most of its time
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for plane, box in sheet.planes:
        extent = (box.left, box.left + box.wide, box.bottom, box.bottom + box.tall)
        axes.imshow(plane.image, extent=extent, interpolation="nearest")
    axes.set(xlim=(0, sheet.width), ylim=(0, sheet.height), aspect="auto")
    for colour, box in sheet.marks:
        axes.add_patch(rectangle((box.left, box.bottom), box.wide, box.tall, color=colour))
    for words in sheet.words:
        axes.text(words.x, words.y, words.text, color=words.colour, fontsize=words.size, ha=words.side)
    return figure


def _around(plane: Plane, box: Box) -> Iterator[Words]:
    """Yield the name of a plane, above it, and its letters at its sides."""
    middle, high = box.left + box.wide / 2, _capitals(11)
    yield Words(plane.name, middle, box.bottom + box.tall + 0.08, "white", 10, "center")
    level = box.bottom + box.tall / 2 - high / 2
    places: tuple[tuple[float, float, Literal["left", "center", "right"]], ...] = (
        (middle, box.bottom + 0.97 * box.tall - high, "center"),
        (middle, box.bottom + 0.03 * box.tall, "center"),
        (box.left + 0.02 * box.wide, level, "left"),
        (box.left + 0.98 * box.wide, level, "right"),
    )
    for letter, (x, y, side) in zip(plane.letters, places, strict=False):
        yield Words(letter, x, y, "yellow", 11, side)


def _whole(inches: float) -> float:
    """Return a length as one of whole pixels that is no less."""
    return math.ceil(round(inches * DPI, 6)) / DPI


def _capitals(size: int) -> float:
    """Return the height of capital letters in inches."""
    return CAPITALS * size / 72


def _nearest(start: float, length: float, count: int, most: int) -> tuple[slice, NDArray[np.intp]]:
    """Return which pixels a side takes up, from inches, and which of ``count`` voxels lies under the middle of each."""
    first = max(0, math.ceil(start * DPI - 0.5))
    last = min(most, math.ceil((start + length) * DPI - 0.5))
    middles = (np.arange(first, last) + 0.5) / DPI - start
    return slice(first, max(first, last)), np.clip(middles / length * count, 0, count - 1).astype(np.intp)
