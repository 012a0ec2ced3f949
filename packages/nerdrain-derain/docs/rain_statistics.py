"""Does the rain that a network is trained on cover rain of other kinds? Statistics of rain on even grey.

    python docs/rain_statistics.py --recipes demo wide --other drawn/ --count 200 --out statistics.md

Rain of each recipe and of another generator, and images of ``--other``: a folder for each kind, rain on a canvas of
`GREY` by any tool. The other generator is the one known from image editors: noise, of which the brightest grains stay,
blurred along one direction, and added. Statistics of an image: see `statistics`. Written are a table of their 5th, 50th
and 95th percentile, and how many images of each other kind lie, by each statistic and by all at once, inside the 1st to
the 99th percentile of a recipe's rain. None of this is trained on. Ranges that were widened until all is inside say
nothing of rain that nobody has thought of: docs/results.md tells which were widened after a look at what.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from nerdrain_derain.data.rain import Rain
from nerdrain_derain.training.config import TrainConfig
from visioncore.images import IMAGE_SUFFIXES, read_image
from visioncore.recipes import load_recipe

Floats = NDArray[np.float32]
GREY, SIDE = 0.3, 256
"""Value and side of the canvas."""
NAMES = ("mean", "bright", "covered", "slant", "aligned", "across", "along")
EDITOR = {"light": (0.002, 10, 0.35), "medium": (0.006, 18, 0.5), "heavy": (0.02, 30, 0.7)}
"""Of the other generator: share of grains, length of the blur in pixels, strength."""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipes", nargs="+", default=["demo", "wide"])
    parser.add_argument("--other", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    ours = {name: measured(of_recipe(name), given.count) for name in given.recipes}
    others = {f"editor, {name}": measured(of_editor(*look), given.count) for name, look in EDITOR.items()}
    for folder in sorted(given.other.iterdir()) if given.other else []:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        others[folder.name] = np.array([statistics(read_image(path).pixels / np.float32(255)) for path in paths])
    text = percentiles(ours | others) + "\n" + coverage(ours, others)
    given.out.write_text(text)
    sys.stdout.write(text)


def of_recipe(name: str) -> Callable[[np.random.Generator], Floats]:
    """Return what draws rain of a recipe's own look; its dry photos are left out."""
    rain: Rain = replace(load_recipe(TrainConfig, "nerdrain_derain", name).data.rain, dry=0.0, ordinary=0.0)
    return lambda rng: rain.fall_on(np.full((SIDE, SIDE, 3), GREY, np.float32), rng)


def of_editor(share: float, length: float, strength: float) -> Callable[[np.random.Generator], Floats]:
    """Return what draws rain as image editors do, each look varied by half and up to 30 degrees from the vertical."""
    grey = np.full((SIDE, SIDE, 3), GREY, np.float32)
    return lambda rng: edited(grey, rng, (share, length, strength))


def edited(image: Floats, rng: np.random.Generator, look: tuple[float, float, float]) -> Floats:
    """Add rain as image editors do to an image (H, W, 3) in [0, 1]; of the look see `EDITOR`."""
    grains, reach, bright = np.array(look) * rng.uniform(0.5, 1.5, 3)
    height, width = image.shape[:2]
    noise = rng.random((2 * height, 2 * width), dtype=np.float32)
    kernel = np.zeros((2 * round(reach) + 1,) * 2, np.float32)
    angle, centre = np.radians(rng.uniform(-30, 30)), round(reach)
    end = np.array([np.sin(angle), np.cos(angle)]) * reach / 2
    cv2.line(kernel, *(tuple(map(int, np.rint(centre + sign * end))) for sign in (-1, 1)), 1.0)
    streaks = cv2.filter2D((noise < grains).astype(np.float32), cv2.CV_32F, cv2.GaussianBlur(kernel, (3, 3), 0))
    middle = streaks[height // 2 :, width // 2 :][:height, :width, None]
    return np.clip(image + min(bright, 1) * middle, 0, 1, dtype=np.float32)


def measured(draw: Callable[[np.random.Generator], Floats], count: int) -> NDArray[np.float64]:
    """Return the statistics of so many images, (count, len(NAMES))."""
    return np.array([statistics(draw(np.random.default_rng([7, number]))) for number in range(count)])


def statistics(image: Floats) -> list[float]:
    """Return what the rain on a canvas (H, W, 3) looks like.

    ``mean``: how much brighter it is; ``bright``: the 99th percentile of that; ``covered``: the share of pixels that
    are brighter than the median by 0.04; ``slant``: degrees off the vertical of the direction in which it changes
    least, 0 to 90; ``aligned``: 0 to 1, how much less it changes there than across; ``across`` and ``along``: pixels
    after which its autocorrelation has fallen to half, across that direction and along it.
    """
    rain = image.mean(axis=2, dtype=np.float64) - GREY
    rows, columns = np.gradient(rain)
    tensor = [[(a * b).mean() for b in (rows, columns)] for a in (rows, columns)]
    (least, most), directions = np.linalg.eigh(tensor)
    along = directions[:, 0]
    power = np.abs(np.fft.fft2(rain - rain.mean())) ** 2
    correlation = np.fft.fftshift(np.fft.ifft2(power).real)
    lengths = [half_length(correlation, direction) for direction in (directions[:, 1], along)]
    return [
        rain.mean(),
        float(np.percentile(rain, 99)),
        float((rain - np.median(rain) > 0.04).mean()),
        float(np.degrees(np.arccos(min(1.0, abs(along[0]))))),
        float((most - least) / (most + least)) if most else 0.0,
        *lengths,
    ]


def half_length(correlation: NDArray[np.float64], direction: NDArray[np.float64]) -> float:
    """Return after how many pixels in a direction (row, column) a correlation has fallen to half of its centre."""
    centre = np.array(correlation.shape) // 2
    steps = np.arange(0, centre.min() - 1, 0.25)
    points = (centre[:, None] + direction[:, None] * steps).astype(np.float32)
    values = cv2.remap(correlation.astype(np.float32), points[1:], points[:1], cv2.INTER_LINEAR).ravel()
    below = np.flatnonzero(values < correlation[tuple(centre)] / 2)
    return float(steps[below[0]]) if len(below) else float(steps[-1])


def percentiles(kinds: dict[str, NDArray[np.float64]]) -> str:
    """Return a table of the 5th, 50th and 95th percentile of each statistic."""
    text = [f"| rain | {' | '.join(NAMES)} |", "| --- |" + " ---: |" * len(NAMES)]
    for name, values in kinds.items():
        low, middle, high = np.percentile(values, (5, 50, 95), axis=0)
        cells = [f"{a:.3g} {b:.3g} {c:.3g}" for a, b, c in zip(low, middle, high, strict=True)]
        text.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(text) + "\n"


def coverage(ours: dict[str, NDArray[np.float64]], others: dict[str, NDArray[np.float64]]) -> str:
    """Return a table of how many images of other kinds lie inside the range of a recipe's rain."""
    text = [f"| inside | of | {' | '.join(NAMES)} | all |", "| --- | --- |" + " ---: |" * (len(NAMES) + 1)]
    for name, known in ours.items():
        low, high = np.percentile(known, (1, 99), axis=0)
        for other, values in others.items():
            inside = (values >= low) & (values <= high)
            shares = [*inside.mean(axis=0), inside.all(axis=1).mean()]
            text.append(f"| {name} | {other} | {' | '.join(f'{share:.0%}' for share in shares)} |")
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    main()
