"""Images as they are measured."""

from __future__ import annotations

from pathlib import Path

from visioncore.images import eight_bit, on_white, read_image

from .areas import Pixels


def read_pixels(path: Path) -> Pixels:
    """Return the image of a file as RGB (H, W, 3) of 8 bits, on white where it is transparent.

    Raises:
        InputError: if it cannot be read.
    """
    return eight_bit(on_white(read_image(path)).pixels)
