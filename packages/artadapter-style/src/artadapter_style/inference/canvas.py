"""The beginning of an image: nothing, or an image that is changed, as a whole or where a mask is white."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from visioncore.errors import InputError
from visioncore.images import Image, eight_bit, from_tensor, on_white, to_tensor
from visioncore.inference.image_inputs import GivenImage, as_image
from visioncore.weights.digests import digest_of

LEAST, MOST = 8, 8192
"""Pixels of a side."""


@dataclass(frozen=True, eq=False)
class Canvas:
    """The size of what is made, and what it begins with.

    Attributes:
        size: height and width of the result.
        multiple: that the sides of what the network sees are divisible by; what is added is cut off again.
        pixels: (1, 3, H, W) in [0, 1], padded; None to begin with noise alone.
        mask: (1, 1, H, W), 1 where the image is changed and 0 where it stays, padded; None to change all of it.
        strength: share of the denoising that is done, from the end: how far the image is changed.
        original: (H, W, 3), what stays where the mask is black.
    """

    size: tuple[int, int]
    multiple: int
    pixels: Tensor | None = None
    mask: Tensor | None = None
    strength: float = 1.0
    original: NDArray[np.uint8] | None = None

    def told(self) -> dict[str, Any]:
        """Return the beginning of the image as plain values, by its hash."""
        if self.pixels is None:
            return {}
        mask = {} if self.mask is None else {"mask": digest_of(self.mask)}
        return {"image": digest_of(self.pixels), "strength": self.strength, **mask}

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width as the network sees them."""
        height, width = (-(-side // self.multiple) * self.multiple for side in self.size)
        return height, width

    def finished(self, images: Tensor) -> NDArray[np.uint8]:
        """Return made images (B, 3, H, W) in [0, 1] as (B, height, width, 3), with what stays bit by bit."""
        height, width = self.size
        cut = images[..., :height, :width]
        made = (cut * 255).round().permute(0, 2, 3, 1).to("cpu", torch.uint8).numpy()
        if self.mask is None or self.original is None:
            return made
        share = self.mask[0, 0, :height, :width, None].numpy()
        mixed = np.rint(made * share + self.original * (1 - share)).astype(np.uint8)
        return np.where(share == 0, self.original, mixed)


def make_canvas(
    size: tuple[int, int] | None,
    image: GivenImage | None,
    mask: GivenImage | None,
    strength: float | None,
    *,
    multiple: int,
    own: tuple[int, int],
) -> Canvas:
    """Return the beginning of an image.

    Args:
        size: height and width; default: those of the image that is changed, or ``own``.
        image: that is changed; resized if ``size`` is another.
        mask: of the image's size, white where it is changed.
        strength: how far it is changed, above 0 and up to 1; default: 0.75, and 1 inside of a mask.
        multiple: pixels that a latent is wide.
        own: size that the base model was made for.

    Raises:
        InputError: if a size or the strength is outside its range, an image cannot be read, or they do not go together.
    """
    if image is None:
        if mask is not None or strength is not None:
            raise InputError(f"{'a mask' if mask is not None else 'strength'} is for an image that is changed; give it")
        return Canvas(_checked_size(size or own), multiple)
    if strength is None:
        strength = 0.75 if mask is None else 1.0
    if not 0 < strength <= 1:
        raise InputError(f"strength is {strength:g}; it must be above 0 and at most 1")
    opaque = on_white(as_image(image))
    size = _checked_size(size or (opaque.height, opaque.width))
    canvas = Canvas(size, multiple)
    pixels = _resized(to_tensor(opaque), size)
    changed = None if mask is None else _pad(_resized(_read_mask(mask, opaque), size), canvas.padded)
    return replace(
        canvas,
        pixels=_pad(pixels, canvas.padded),
        mask=changed,
        strength=strength,
        original=eight_bit(from_tensor(pixels).pixels),
    )


def _read_mask(given: GivenImage, image: Image) -> Tensor:
    """Return a mask (1, 1, H, W)."""
    where = f"{given}: " if isinstance(given, str | Path) else ""
    mask = on_white(as_image(given))
    if (mask.height, mask.width) != (image.height, image.width):
        raise InputError(
            f"{where}the mask has {mask.width} x {mask.height} pixels and the image {image.width} x {image.height}; "
            "they must be alike"
        )
    values = to_tensor(mask).mean(dim=1, keepdim=True)
    if not values.max() > 0:
        raise InputError(f"{where}the mask is black everywhere, so nothing would change; white is what may")
    return values


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    for name, side in zip(("height", "width"), size, strict=True):
        if not LEAST <= side <= MOST:
            raise InputError(f"{name} is {side}; it must be from {LEAST} to {MOST} pixels")
    return size


def _resized(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(pixels.shape[2:]) == size:
        return pixels
    return functional.interpolate(pixels, size, mode="bicubic", align_corners=False, antialias=True).clamp(0, 1)


def _pad(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Repeat the last row and column until the size is reached."""
    below, right = (side - have for side, have in zip(size, pixels.shape[2:], strict=True))
    return functional.pad(pixels, (0, right, 0, below), mode="replicate")
