"""Photos as the network takes them: opaque, padded to sides that it can halve, and small enough to find regions in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from visioncore.errors import InputError
from visioncore.images import Image, on_white, to_tensor
from visioncore.inference.image_inputs import GivenImage, as_image

LEAST = 32
"""Pixels of a photo's shorter side."""
SMALLEST = "a photo must have at least 32 x 32 pixels"


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo, and how it was padded.

    Attributes:
        image: what was given, without alpha.
        pixels: (1, 3, H, W) in [0, 1], with ``padding``.
        padding: rows below and columns on the right that repeat the last one.
        source: the file it came from, if it came from one.
    """

    image: Image
    pixels: Tensor
    padding: tuple[int, int]
    source: Path | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width without the padding."""
        return self.image.height, self.image.width


def read_photo(given: GivenImage, multiple: int, say: Callable[[str], None]) -> Photo:
    """Return a photo.

    Args:
        given: a file, an `Image`, an image of Pillow, or an array of uint8 or uint16.
        multiple: what its padded sides are divisible by.
        say: told that a photo with alpha was put on white.

    Raises:
        InputError: if it cannot be read, or is smaller than 32 x 32 pixels.
    """
    source = Path(given) if isinstance(given, str | Path) else None
    image = as_image(given)
    where = f"{source}: " if source else ""
    if min(image.height, image.width) < LEAST:
        raise InputError(f"{where}{image.width} x {image.height} pixels; {SMALLEST}")
    if image.alpha is not None and (image.alpha != np.iinfo(image.alpha.dtype).max).any():
        say(f"{where}the photo is transparent in places; it is animated on white, and the frames are opaque")
        image = on_white(image)
    pixels = to_tensor(replace(image, alpha=None))
    padded, padding = pad(pixels, multiple)
    return Photo(replace(image, alpha=None), padded, padding, source)


def pad(pixels: Tensor, multiple: int) -> tuple[Tensor, tuple[int, int]]:
    """Repeat the last row and column of (n, C, H, W) until both sides are multiples; return how many times as well."""
    below, right = (-side % multiple for side in pixels.shape[2:])
    return functional.pad(pixels, (0, right, 0, below), mode="replicate"), (below, right)


def small_size(height: int, width: int, shorter: int, multiple: int) -> tuple[int, int]:
    """Return the size, near to a shape and with about that shorter side, whose sides are multiples."""
    scale = shorter / min(height, width)
    rows, columns = (max(1, round(side * scale / multiple)) * multiple for side in (height, width))
    return rows, columns


def downsampled(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize pixels (n, 3, H, W) to a size, bilinearly over all that falls into each pixel."""
    if tuple(pixels.shape[2:]) == size:
        return pixels
    return functional.interpolate(pixels, size, mode="bilinear", align_corners=False, antialias=True).clamp(0, 1)


def read_mask(given: GivenImage | Tensor, photo: Photo) -> Tensor:
    """Return a mask (1, 1, H, W) in [0, 1]: white may move; what is black or transparent stays.

    Args:
        given: an image as of `read_photo`; an array may be bool; a tensor (H, W) is taken as it is.
        photo: whose size it has.

    Raises:
        InputError: if its size is another, or it is black everywhere.
    """
    where = f"{given}: " if isinstance(given, str | Path) else ""
    if isinstance(given, Tensor):
        mask = given.to(torch.float32)
    else:
        array: Any = given
        if isinstance(array, np.ndarray) and array.dtype == np.bool_:
            array = array.astype(np.uint8) * 255
        image = as_image(array)
        mask = to_tensor(image)[0].mean(dim=0)
        if image.alpha is not None:
            mask = mask * torch.from_numpy(image.alpha / np.iinfo(image.alpha.dtype).max).float()
    height, width = photo.size
    if tuple(mask.shape) != photo.size:
        shown = " x ".join(map(str, reversed(mask.shape)))
        raise InputError(f"{where}the mask has {shown} pixels and the photo {width} x {height}; they must be alike")
    if not (mask.isfinite().all() and mask.max() > 0):
        raise InputError(f"{where}the mask is black everywhere, so nothing would move; white is what may move")
    return mask.clamp(0, 1)[None, None]
