"""Images with alpha, put on a white ground."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .image import Image


def on_white(image: Image) -> Image:
    """Return an image without alpha, on white where it was transparent; an opaque one as it is."""
    if image.alpha is None:
        return image
    white = np.iinfo(image.pixels.dtype).max
    share = image.alpha[..., None].astype(np.float64) / white
    mixed = np.rint(image.pixels * share + white * (1 - share))
    return replace(image, pixels=mixed.astype(np.uint8) if image.bits == 8 else mixed.astype(np.uint16), alpha=None)
