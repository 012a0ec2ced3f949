"""Synthetic images with discs, and three observers with different habits, to try things out and for the demo."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.files import write_text
from visioncore.images import Image, write_image

from ..network.scanpaths import Floats
from .tables import COLUMNS
from .trials import Split

SIZE = (96, 128)
"""Height and width of the images in pixels."""
OBSERVERS = ("reader", "sizer", "centred")
"""One looks from left to right and briefly, one at the largest first and long, one stays around the middle."""

_COLOURS = np.array([[220, 60, 50], [60, 150, 70], [50, 90, 210], [235, 190, 60], [160, 70, 170], [240, 240, 240]])
_SECONDS = {"reader": 0.15, "sizer": 0.5, "centred": 0.3}
_NEAREST = 3
_DISCS = (4, 7)
_JITTER = 1.5
"""Standard deviation in pixels between the middle of a disc and a fixation on it."""


def synthetic_image(seed: int) -> tuple[NDArray[np.uint8], Floats]:
    """Return an image (96, 128, 3) of 8 bit, and its discs (n, 3): x, y and radius in pixels; none overlap."""
    rng = np.random.default_rng([seed, 0])
    height, width = SIZE
    rows, columns = np.mgrid[:height, :width]
    shade = (rows / height * rng.uniform(-1, 1) + columns / width * rng.uniform(-1, 1))[..., None]
    pixels = rng.uniform(70, 150, 3) + 30 * shade + rng.normal(0, 5, (height, width, 3))
    discs: list[tuple[float, float, float]] = []
    wanted = rng.integers(*_DISCS)
    while len(discs) < wanted:
        radius = rng.uniform(4, 13)
        x, y = rng.uniform(radius, width - radius), rng.uniform(radius, height - radius)
        if all(np.hypot(x - a, y - b) > radius + r + 6 for a, b, r in discs):
            discs.append((x, y, radius))
            inside = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
            pixels[inside] = _COLOURS[rng.integers(len(_COLOURS))] + rng.normal(0, 8, (int(inside.sum()), 3))
    return pixels.clip(0, 255).round().astype(np.uint8), np.array(discs)


def synthetic_scanpath(discs: Floats, observer: str, rng: np.random.Generator) -> Floats:
    """Return how an observer looks at discs (n, 3): fixations (m, 3), x and y in pixels and seconds."""
    x, y, radius = discs.T
    height, width = SIZE
    middle = np.array([[width / 2, height / 2, 0]])
    if observer == "reader":
        order = discs[np.argsort(x)]
    elif observer == "sizer":
        order = discs[np.argsort(-radius)]
    else:
        nearest = np.argsort(np.hypot(x - width / 2, y - height / 2))[:_NEAREST]
        order = np.concatenate([middle, discs[nearest]])
    points = (order[:, :2] + rng.normal(0, _JITTER, (len(order), 2))).clip(0, [width - 1, height - 1])
    seconds = _SECONDS[observer] * np.exp(rng.normal(0, 0.15, len(order)))
    return np.column_stack([points, seconds])


def write_synthetic(folder: Path, images: int, held_out: int = 40) -> Path:
    """Write images, and the scanpaths of all observers on them as a CSV file with a split, and return that file.

    Args:
        folder: gets ``scanpaths.csv`` and the folder ``images``.
        images: of the training split.
        held_out: of the validation split, and as many of the test split.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, "split", "width", "height"])
    parts: dict[Split, int] = {"train": images, "validation": held_out, "test": held_out}
    splits = [split for split, number in parts.items() for _ in range(number)]
    for seed, split in enumerate(splits):
        pixels, discs = synthetic_image(seed)
        name = f"{seed:05d}.png"
        write_image(folder / "images" / name, Image(pixels))
        for place, observer in enumerate(OBSERVERS):
            path = synthetic_scanpath(discs, observer, np.random.default_rng([seed, 1 + place]))
            for x, y, seconds in path.round(4).tolist():
                writer.writerow([name, observer, x, y, 1000 * seconds, split, SIZE[1], SIZE[0]])
    write_text(folder / "scanpaths.csv", text.getvalue())
    return folder / "scanpaths.csv"
