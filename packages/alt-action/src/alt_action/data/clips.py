"""Clips: chosen frames of a video, cropped to the size that the network sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visioncore.extras import require
from visioncore.video import FrameIndex, index_frames

from .decoding import Decoder, chosen_pixels

Pixels = NDArray[np.uint8]

Normalisation = Literal["clip", "imagenet"]
CONSTANTS: dict[Normalisation, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "imagenet": ((123.675 / 255, 116.28 / 255, 103.53 / 255), (58.395 / 255, 57.12 / 255, 57.375 / 255)),
}
"""Mean and standard deviation of RGB in [0, 1]."""


class Crop(NamedTuple):
    """A rectangle of a frame, in its own pixels; it may begin between two of them."""

    top: float
    left: float
    height: float
    width: float


def view_crops(height: int, width: int, size: int, crops: int = 1) -> list[Crop]:
    """Return the squares of a frame that are looked at.

    One is the middle: the shorter side becomes 256 of 224 (or as much more than another size), of which the middle is
    cut out. Three are the left, middle and right ones, of a portrait the upper, middle and lower ones, each as high as
    the shorter side.

    Args:
        height: of the frame in pixels.
        width: of the frame in pixels.
        size: that a crop is resized to.
        crops: 1 or 3.
    """
    short, long = min(height, width), max(height, width)
    side = short * size / round(size * 256 / 224) if crops == 1 else float(short)
    across = [(long - side) / 2] if crops == 1 else [0.0, (long - side) / 2, long - side]
    if width >= height:
        return [Crop((height - side) / 2, left, side, side) for left in across]
    return [Crop(top, (width - side) / 2, side, side) for top in across]


def cut(pixels: Pixels, crops: Iterable[Crop], size: int) -> list[Pixels]:
    """Return parts of a frame (H, W, 3), each resized bicubically to (size, size, 3)."""
    require("PIL", "images")
    from PIL import Image

    image, bicubic = Image.fromarray(pixels), Image.Resampling.BICUBIC
    boxes = ((crop.left, crop.top, crop.left + crop.width, crop.top + crop.height) for crop in crops)
    return [np.asarray(image.resize((size, size), bicubic, box=box)) for box in boxes]


def read_clip(path: str | Path) -> Pixels:
    """Return all frames (N, H, W, 3) of a video.

    Raises:
        InputError: if it cannot be read or has no frame.
    """
    index = index_frames(path)
    return np.stack(list(chosen_pixels(index, range(len(index.times)), "pyav")))


def read_crops(
    index: FrameIndex, numbers: Sequence[int], size: int, crops: int = 1, decoder: Decoder = "pyav"
) -> Iterator[tuple[int, list[Pixels]]]:
    """Yield the numbers of chosen frames, ascending, each with its crops (size, size, 3), see `view_crops`.

    Raises:
        InputError: if a frame cannot be read.
    """
    for number, pixels in zip(numbers, chosen_pixels(index, numbers, decoder), strict=True):
        height, width = pixels.shape[:2]
        yield number, cut(pixels, view_crops(height, width, size, crops), size)


def to_frames(pixels: Iterable[Pixels] | Tensor, normalisation: Normalisation) -> Tensor:
    """Return frames as the network takes them, (..., 3, S, S) in float32.

    Args:
        pixels: (S, S, 3) uint8 each, or a tensor (..., S, S, 3) of uint8 or of values from 0 to 255.
        normalisation: of colours.
    """
    given = pixels if isinstance(pixels, Tensor) else torch.from_numpy(np.stack(list(pixels)))
    mean, deviation = (torch.tensor(values, device=given.device) for values in CONSTANTS[normalisation])
    return (given.float().div(255).sub(mean).div(deviation)).movedim(-1, -3)
