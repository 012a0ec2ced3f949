"""Made-up captioned images, for tests and to try training out: things in plain colours, drawn in several styles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.files import write_text
from visioncore.images import Image, write_image

THINGS = ("disc", "square", "cross", "ring")
STYLES = ("flat", "dotted", "striped")


def make_images(folder: Path, size: int = 64) -> Path:
    """Write every thing in every style and a list of captions to a folder, and return it."""
    rng = np.random.default_rng(0)
    lines = ["file,caption,style"]
    for thing in THINGS:
        for style in STYLES:
            write_image(folder / "images" / f"{thing}-{style}.png", Image(drawn(thing, style, size, rng)))
            lines.append(f"{thing}-{style}.png,a drawing of a {thing},{style}")
    write_text(folder / "captions.csv", "\n".join(lines) + "\n")
    return folder


def drawn(thing: str, style: str, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return one image (size, size, 3) of a thing in a colour that ``rng`` draws, on white."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5
    away = np.hypot(x, y)
    inside = {
        "disc": away < 0.35,
        "square": np.maximum(abs(x), abs(y)) < 0.3,
        "cross": (np.minimum(abs(x), abs(y)) < 0.12) & (np.maximum(abs(x), abs(y)) < 0.4),
        "ring": (away > 0.2) & (away < 0.4),
    }[thing]
    pattern = {
        "flat": np.ones_like(x),
        "dotted": 0.5 + 0.5 * (np.sin(x * 50) * np.sin(y * 50) > 0),
        "striped": 0.4 + 0.6 * (np.sin((x + y) * 40) > 0),
    }[style]
    colour = rng.uniform(40, 220, 3)
    return np.where(inside[..., None], colour * pattern[..., None], 255).round().astype(np.uint8)
