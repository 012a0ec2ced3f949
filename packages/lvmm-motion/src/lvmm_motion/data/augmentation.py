"""Random changes of a pair of frames, the same for both."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from visioncore.errors import InputError

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in how bright a colour is."""
I_AXIS = (0.595716, -0.274453, -0.321263)
Q_AXIS = (0.211456, -0.522591, 0.311135)
"""Colours without brightness as two numbers, between which a hue turns."""


@dataclass(frozen=True)
class AugmentationConfig:
    """Variation between the uses of a pair; none as published for LVMM, of all three kinds for LFDM.

    Attributes:
        mirror: turn left and right around, half of the time.
        reverse: let the later frame be the source, half of the time.
        jitter: brightness, contrast and saturation change by up to this share, the hue by up to this share of a turn.

    Raises:
        InputError: if a value is out of its range.
    """

    mirror: bool = False
    reverse: bool = False
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.jitter <= 0.5:
            raise InputError(f"augmentation.jitter is {self.jitter}; it must be from 0 to 0.5")


def augment(pair: Tensor, config: AugmentationConfig, rng: np.random.Generator) -> Tensor:
    """Return a pair of frames (2, 3, H, W) in [0, 1], varied as ``rng`` draws it."""
    mirrored, reversed_ = rng.random(2) < 0.5
    if config.mirror and mirrored:
        pair = pair.flip(-1)
    if config.reverse and reversed_:
        pair = pair.flip(0)
    if config.jitter:
        brightness, contrast, saturation, hue = rng.uniform(-config.jitter, config.jitter, 4)
        pair = _recoloured(pair, 1 + brightness, 1 + contrast, 1 + saturation, hue)
    return pair


def _recoloured(pair: Tensor, brightness: float, contrast: float, saturation: float, hue: float) -> Tensor:
    luma, *axes = (pair.new_tensor(axis) for axis in (LUMA, I_AXIS, Q_AXIS))
    pair = pair * brightness
    middle = torch.einsum("nchw,c->nhw", pair, luma).mean()
    pair = middle + contrast * (pair - middle)
    cos, sin = saturation * math.cos(2 * math.pi * hue), saturation * math.sin(2 * math.pi * hue)
    colour = torch.stack([luma, *axes])
    turn = torch.block_diag(pair.new_ones(1, 1), pair.new_tensor([[cos, -sin], [sin, cos]]))
    return torch.einsum("ij,njhw->nihw", torch.linalg.inv(colour) @ turn @ colour, pair).clamp(0, 1)
