"""Cut-outs for the tests of composing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from visioncore.images import Image, write_image
from visioncore.testing.photos import photo


def cut_out(side: int = 40, *, radius: float = 15, soft: float = 1, seed: int = 0, colour: int | None = None) -> Any:
    """Return a disc (side, side, 4) uint8, straight.

    Args:
        side: of the image.
        radius: of the disc.
        soft: width of its edge in pixels.
        seed: of what it shows.
        colour: of all of it, in place of that.
    """
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    alpha = np.clip((radius - np.hypot(x, y)) / soft + 0.5, 0, 1)
    pixels = photo(side, side, seed) if colour is None else np.full((side, side, 3), colour, np.uint8)
    return np.dstack([pixels, np.rint(alpha * 255).astype(np.uint8)])


def write_cut_out(path: Path, seed: int = 0, **shape: Any) -> Path:
    """Write such a disc into a file, and return it."""
    cut = cut_out(seed=seed, **shape)
    write_image(path, Image(cut[..., :3].copy(), alpha=cut[..., 3].copy()))
    return path
