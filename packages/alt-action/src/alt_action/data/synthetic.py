"""Drawn videos of four actions, to try things out and for tests: what moves, and how."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.video import Frame, write_video

from .clips import Pixels

ACTIONS = ("throwing ball", "rolling ball", "lifting box", "dropping box")
SIZE = (96, 128)
"""Height and width of the frames."""
RATE = Fraction(25)


def drawn_clip(action: str, rng: np.random.Generator, frames: int = 24) -> Iterator[Pixels]:
    """Yield the frames (96, 128, 3) of an action.

    Args:
        action: one of `ACTIONS`.
        rng: draws colours, size, speed and place.
        frames: how many.
    """
    height, width = SIZE
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    sky, ground, thing = (rng.uniform(low, high, 3) for low, high in ((120, 230), (40, 110), (0, 255)))
    floor, radius = height * rng.uniform(0.7, 0.85), rng.uniform(8, 14)
    side, start = rng.choice([-1, 1]), rng.uniform(-0.1, 0.1)
    noise = rng.normal(0, 4, (height, width, 3))
    for time in np.linspace(0, 1, frames):
        x, y = _place(action, time, side, start, floor - radius)
        inside = _inside(action, rows - y, columns - x, radius)
        frame = np.where((rows < floor)[..., None], sky, ground) + noise
        yield np.where(inside[..., None], thing, frame).clip(0, 255).round().astype(np.uint8)


def _place(action: str, time: float, side: int, start: float, rest: float) -> tuple[float, float]:
    height, width = SIZE
    along = width * (0.5 + side * (0.8 * time - 0.4) + start)
    still = width * (0.5 + start)
    if action == "throwing ball":
        return along, rest - 0.55 * height * 4 * time * (1 - time)
    if action == "rolling ball":
        return along, rest
    rise = time**2 if action == "lifting box" else 1 - time**2
    return still, rest - 0.55 * height * rise


def _inside(action: str, down: NDArray[np.float64], across: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    if action.endswith("ball"):
        return down**2 + across**2 < radius**2
    return (np.abs(down) < radius) & (np.abs(across) < radius)


def write_synthetic(folder: Path, each: int, *, seed: int = 0, frames: int = 24) -> Path:
    """Write videos in a folder for each action, and return the folder.

    Args:
        folder: of the data set.
        each: videos of an action.
        seed: from which they are drawn.
        frames: of each video.

    Raises:
        InputError: if they cannot be written.
    """
    for place, action in enumerate(ACTIONS):
        for number in range(each):
            drawn = drawn_clip(action, np.random.default_rng([seed, place, number]), frames)
            write_video(folder / action / f"{number:03d}.mp4", map(Frame, drawn), RATE)
    return folder
