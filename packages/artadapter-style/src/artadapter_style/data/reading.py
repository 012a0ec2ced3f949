"""References as the network takes them: opaque, in their own shape, not too large."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from torch import Tensor
from torch.nn import functional

from visioncore.errors import InputError
from visioncore.images import on_white, to_tensor
from visioncore.inference.image_inputs import GivenImage, as_image

LONGEST = 512
"""Pixels that the longer side of a reference has at most."""
LEAST = 16
"""Pixels of either side of a reference at least: below, there is nothing to take statistics of."""

BEYOND = 0.1
"""How far values of a tensor may lie outside of [0, 1], as they do a little after resizing."""

GivenReference: TypeAlias = "GivenImage | Tensor"
"""An image as every predictor takes it, or a tensor (3, H, W) in [0, 1]."""


def read_reference(given: GivenReference) -> Tensor:
    """Return a reference (3, H, W), RGB in [0, 1]; its aspect ratio is kept, for composition is part of a style.

    Args:
        given: a file, an `Image`, an image of Pillow, or an array of uint8 or uint16, of any depth, grey or with alpha,
            which is put on white; larger ones are downsampled. A tensor is taken as it is.

    Raises:
        InputError: if it cannot be read, a side has fewer than 16 pixels, or a tensor is something else.
    """
    if isinstance(given, Tensor):
        return _checked(given)
    image = on_white(as_image(given))
    if min(image.height, image.width) < LEAST:
        where = f"{given}: " if isinstance(given, str | Path) else ""
        raise InputError(
            f"{where}{image.width} x {image.height} pixels; a reference must have at least {LEAST} x {LEAST}"
        )
    pixels = to_tensor(image)
    scale = LONGEST / max(image.height, image.width)
    if scale < 1:
        # of a long strip, the shorter side must not vanish
        size = max(LEAST, round(image.height * scale)), max(LEAST, round(image.width * scale))
        smaller = functional.interpolate(pixels, size, mode="bicubic", align_corners=False, antialias=True)
        pixels = smaller.clamp(0, 1)
    return pixels[0]


def _checked(pixels: Tensor) -> Tensor:
    if pixels.ndim != 3 or pixels.shape[0] != 3 or not pixels.is_floating_point() or min(pixels.shape[1:]) < LEAST:
        raise InputError(
            f"a reference {tuple(pixels.shape)} {pixels.dtype}; as a tensor it must be (3, H, W) in [0, 1], both sides "
            f"at least {LEAST}"
        )
    if not pixels.isfinite().all():
        raise InputError("a reference holds NaN or infinite values; give them a value")
    low, high = float(pixels.min()), float(pixels.max())
    if low < -BEYOND or high > 1 + BEYOND:
        raise InputError(f"a reference has values from {low:g} to {high:g}; as a tensor it must be in [0, 1]")
    return pixels
