"""Drawn people who do one of twelve actions: clips whose body parts are known to the pixel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .clips import Crop, Pixels
from .poses import MOTIONS, skeleton

PEOPLE_ACTIONS = tuple(MOTIONS)
"""Labels of the actions."""
PARTS = ("wall", "floor", "grass", "sky", "head", "hair", "chest", "arm", "hand", "leg", "foot")
"""Parts of a frame; the order is that of the numbers in `DrawnFrame.parts`."""
SIDE = 96
"""Height and width of the frames."""

Floats = NDArray[np.float64]


class DrawnFrame(NamedTuple):
    """A frame, and the part that each pixel shows."""

    pixels: Pixels
    """(96, 96, 3)."""
    parts: NDArray[np.uint8]
    """(96, 96), places in `PARTS`."""


def drawn_person(action: str, rng: np.random.Generator, frames: int = 32) -> Iterator[DrawnFrame]:
    """Yield the frames of a clip.

    Args:
        action: one of `PEOPLE_ACTIONS`.
        rng: draws body, clothes, place, background, light, speed and phase.
        frames: how many.
    """
    scene, parts = _scene(rng)
    height = SIDE * rng.uniform(0.55, 0.78)
    build = rng.uniform(0.85, 1.2)
    middle, ground = SIDE * rng.uniform(0.42, 0.58), SIDE * rng.uniform(0.9, 1.06)
    skin, hair, shirt, trousers, shoes = _clothes(rng)
    sleeves = shirt if rng.random() < 0.7 else skin
    hand = 0.028 * build
    looks = {
        "leg": ("leg", 0.042 * build, trousers),
        "foot": ("foot", 0.03 * build, shoes),
        "chest": ("chest", 0.085 * build, shirt),
        "arm": ("arm", 0.03 * build, sleeves),
        "hand": ("hand", hand, skin),
        "head": ("head", 0.06, skin),
        "hair": ("hair", 0.05, hair),
    }
    cycles, phase = rng.uniform(*MOTIONS[action].cycles), rng.random()
    if MOTIONS[action].once:
        phase = 0.0
    side, wobble = int(rng.choice([-1, 1])), rng.uniform(0, 0.05, 2)
    light, noise = rng.uniform(0.75, 1.2), rng.uniform(1, 6)
    for number in range(frames):
        time = phase + cycles * number / frames
        sway = wobble * np.sin(2 * np.pi * (time + wobble[::-1] * 20))
        bones = skeleton(action, time, side, sway)
        pixels, shown = scene.copy(), parts.copy()
        for name, start, end in bones:
            part, thick, colour = looks[name]
            first, last = (np.array((middle, ground)) + height * np.array(point) for point in (start, end))
            box, cover = _capsule(first, last, height * thick)
            pixels[box] += cover[..., None] * (colour - pixels[box])
            shown[box][cover > 0.5] = PARTS.index(part)
        pixels = pixels * light + rng.normal(0, noise, pixels.shape)
        yield DrawnFrame(pixels.clip(0, 255).round().astype(np.uint8), shown)


def part_shares(parts: NDArray[np.uint8], crop: Crop, places: int) -> Floats:
    """Return how much of each part (`PARTS`) is in each place of a crop, (places, places, parts).

    Args:
        parts: of a drawn frame.
        crop: of it.
        places: along a side.
    """
    at = (np.arange(8 * places) + 0.5) / (8 * places)
    rows, columns = crop.top + at * crop.height, crop.left + at * crop.width
    seen = parts[rows.astype(int).clip(0, SIDE - 1)][:, columns.astype(int).clip(0, SIDE - 1)]
    there = seen[..., None] == np.arange(len(PARTS))
    return there.reshape(places, 8, places, 8, -1).mean(axis=(1, 3))


def _capsule(start: Floats, end: Floats, radius: float) -> tuple[tuple[slice, slice], Floats]:
    """Return a part of the frame (rows, columns), and how much of its pixels a thick line covers, from 0 to 1."""
    first = np.floor(np.minimum(start, end) - radius - 1).clip(0, SIDE).astype(int)
    last = np.ceil(np.maximum(start, end) + radius + 1).clip(0, SIDE).astype(int)
    box = slice(first[1], last[1]), slice(first[0], last[0])
    rows, columns = np.mgrid[box].astype(np.float64) + 0.5
    along = end - start
    across, down = columns - start[0], rows - start[1]
    share = ((across * along[0] + down * along[1]) / max(along @ along, 1e-9)).clip(0, 1)
    distance = np.hypot(across - share * along[0], down - share * along[1])
    return box, (radius - distance + 0.5).clip(0, 1)


def _clothes(rng: np.random.Generator) -> tuple[Floats, ...]:
    """Return colours of skin, hair, shirt, trousers and shoes."""
    skin = np.array([224.0, 180, 150]) * rng.uniform(0.4, 1.1)
    hair = np.array([80.0, 60, 45]) * rng.uniform(0.2, 1.6)
    shirt, trousers, shoes = rng.uniform(15, 235, 3), rng.uniform(15, 150, 3), rng.uniform(10, 90, 3)
    return skin, hair, shirt, trousers, shoes


def _scene(rng: np.random.Generator) -> tuple[Floats, NDArray[np.uint8]]:
    """Return a background (96, 96, 3) and its parts: a wall, a room, or a meadow under the sky."""
    kind = rng.choice(["wall", "room", "meadow"])
    upper, lower = ("sky", "grass") if kind == "meadow" else ("wall", "floor")
    edge = SIDE if kind == "wall" else int(SIDE * rng.uniform(0.55, 0.9))
    if kind == "meadow":
        colours = np.array([150.0, 190, 235]) + rng.normal(0, 15, 3), np.array([90.0, 140, 60]) + rng.normal(0, 20, 3)
    else:
        grey, other = rng.uniform(90, 220, 2)
        colours = grey + rng.normal(0, 14, 3), other + rng.normal(0, 22, 3)
    parts = np.full((SIDE, SIDE), PARTS.index(upper), np.uint8)
    parts[edge:] = PARTS.index(lower)
    scene = np.where((np.arange(SIDE) < edge)[:, None, None], *colours) * np.ones((SIDE, SIDE, 1))
    for cell in (2, 6, 12):
        coarse = rng.normal(0, rng.uniform(1, 9), (SIDE // cell, SIDE // cell, 1))
        scene = scene + np.kron(coarse, np.ones((cell, cell, 1)))
    return scene, parts
