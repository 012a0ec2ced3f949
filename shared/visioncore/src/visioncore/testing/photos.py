"""Photos that are made up, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..images import Image, write_image

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def photo(height: int, width: int, seed: int = 0) -> Pixels:
    """Return an image with soft shapes and some grain, (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / rng.uniform(5, 20) + y / rng.uniform(5, 20) + rng.uniform(0, 6)) for _ in range(3)]
    pixels = 127 + 80 * np.stack(waves, axis=-1) + rng.normal(0, 5, (height, width, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def assert_close_pixels(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any], steps: int = 1) -> None:
    """Check that images are equal up to roundings on the edge, of which there are a few.

    Args:
        one: pixels of whole numbers.
        other: pixels of the same shape.
        steps: how far a pixel may be off.
    """
    difference = np.abs(one.astype(int) - other.astype(int))
    assert difference.max() <= steps
    assert (difference > 0).mean() < 0.01


def write_photos(folder: Path, count: int, size: tuple[int, int]) -> Path:
    """Write photos ``0.png`` and on, each made up from its number, into a folder, and return it.

    Args:
        folder: made where it is missing.
        count: of photos.
        size: height and width.
    """
    for number in range(count):
        write_image(folder / f"{number}.png", Image(photo(*size, seed=number)))
    return folder
