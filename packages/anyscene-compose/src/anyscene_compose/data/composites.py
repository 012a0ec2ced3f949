"""Elements laid over each other, and each by itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..network.encoder import square_crops
from .looks import Layer


class Composite(NamedTuple):
    """A composited foreground.

    Attributes:
        layer: (H, W, 4), straight RGBA in [0, 1]; 0 where nothing is.
        masks: (E, H, W) how much of each pixel is of each element, as far as none lies over it.
    """

    layer: Layer
    masks: NDArray[np.float32]


def composite(elements: NDArray[np.float32]) -> Composite:
    """Return elements (E, H, W, 4), straight RGBA in [0, 1], laid over each other, the last in front."""
    masks, left = np.zeros(elements.shape[:3], np.float32), np.ones(elements.shape[1:3], np.float32)
    for number in reversed(range(len(elements))):
        masks[number] = elements[number, ..., 3] * left
        left = left * (1 - elements[number, ..., 3])
    alpha = masks.sum(axis=0)
    colours = np.einsum("ehw,ehwc->hwc", masks, elements[..., :3]) / np.maximum(alpha, 1e-6)[..., None]
    return Composite(np.dstack((colours, alpha)).clip(0, 1).astype(np.float32), masks)


def crop(layer: Layer, side: int) -> Tensor:
    """Return an element (H, W, 4) cut to what shows of it, as straight RGBA (4, side, side), uint8, unstretched.

    It is resized as the encoders resize what they are given, so that it is the same in training and at inference.
    """
    rows, columns = (np.flatnonzero(layer[..., 3].any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return torch.zeros(4, side, side, dtype=torch.uint8)
    shown = layer[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    small = square_crops([torch.from_numpy(shown.transpose(2, 0, 1).copy())], side)[0]
    straight = torch.cat((small[:3] / small[3:].clamp(min=1e-6), small[3:]))
    return (straight.clamp(0, 1) * 255).round().byte()
