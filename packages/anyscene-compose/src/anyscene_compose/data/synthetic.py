"""Made-up scenes with foregrounds, for tests and to try training out: things in plain colours before a gradient."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.files import write_text
from visioncore.images import Image, write_image

THINGS = ("disc", "square", "cross", "ring")
GROUNDS = ("light", "dark", "warm")


def make_scenes(folder: Path, size: int = 64) -> Path:
    """Write every thing before every ground, masks, and a list of captions to a folder, and return it."""
    rng, lines = np.random.default_rng(0), list[str]()
    for thing in THINGS:
        for ground in GROUNDS:
            name = f"{thing}-{ground}.png"
            scene, mask = drawn(thing, ground, size, rng)
            write_image(folder / name, Image(scene))
            write_image(folder / "masks" / name, Image(np.repeat(mask[..., None], 3, axis=2), grey=True))
            about = {"file": name, "caption": f"a {thing} before a {ground} ground", "foreground": thing}
            lines.append(json.dumps(about) + "\n")
    write_text(folder / "captions.jsonl", "".join(lines))
    return folder


def drawn(thing: str, ground: str, size: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a scene (size, size, 3) with a thing in a colour and a place that ``rng`` draws, and its mask."""
    across, down = rng.uniform(-0.15, 0.15, 2)
    y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5
    lit = np.clip(0.8 - 0.6 * y, 0, 1)[..., None]
    x, y = x - across, y - down
    away = np.hypot(x, y)
    inside = {
        "disc": away < 0.25,
        "square": np.maximum(abs(x), abs(y)) < 0.22,
        "cross": (np.minimum(abs(x), abs(y)) < 0.09) & (np.maximum(abs(x), abs(y)) < 0.28),
        "ring": (away > 0.15) & (away < 0.28),
    }[thing]
    behind = {"light": (220, 220, 230), "dark": (60, 60, 80), "warm": (210, 150, 90)}[ground]
    scene = np.where(inside[..., None], rng.uniform(40, 220, 3), behind) * lit
    return scene.round().astype(np.uint8), np.where(inside, 255, 0).astype(np.uint8)
