"""Random changes of colour, so that what passes through the content adapter is not the colours of a style."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from visioncore.errors import InputError

_GREY = np.array([0.299, 0.587, 0.114])
# rotates colours around grey: towards I and Q of YIQ, and back
_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_FROM_YIQ = np.linalg.inv(_TO_YIQ)


@dataclass(frozen=True)
class ColourAugmentation:
    """How colours are changed.

    Attributes:
        strength: largest change of brightness, contrast and saturation, as a share.
        hue: largest change of the hue, in turns: 0.5 is the full circle.
        grey: probability that colours are taken away.

    Raises:
        InputError: if a number is out of its range.
    """

    strength: float = 0.4
    hue: float = 0.5
    grey: float = 0.2

    def __post_init__(self) -> None:
        for name, most in (("strength", 1), ("hue", 0.5), ("grey", 1)):
            if not 0 <= getattr(self, name) <= most:
                raise InputError(f"colours.{name} is {getattr(self, name)}; it must be from 0 to {most}")


def drawn_colours(how: ColourAugmentation, rng: np.random.Generator) -> Tensor:
    """Return a change of colours (3, 4): a matrix of colours, and what is mixed in of the mean colour for contrast."""
    brightness, contrast, saturation = 1 + how.strength * rng.uniform(-1, 1, 3)
    angle = 2 * math.pi * how.hue * rng.uniform(-1, 1)
    turn = np.array([[1, 0, 0], [0, math.cos(angle), -math.sin(angle)], [0, math.sin(angle), math.cos(angle)]])
    grey = np.outer(np.ones(3), _GREY)
    matrix = saturation * (_FROM_YIQ @ turn @ _TO_YIQ) + (1 - saturation) * grey
    if rng.random() < how.grey:
        matrix = grey
    change = np.column_stack([brightness * contrast * matrix, np.full(3, brightness * (1 - contrast))])
    return torch.from_numpy(change.astype(np.float32))


def recoloured(images: Tensor, changes: Tensor) -> Tensor:
    """Return images (B, 3, H, W) in [0, 1] with other colours.

    Args:
        images: in [0, 1].
        changes: (B, 3, 4), as `drawn_colours` returns them.
    """
    flat = images.flatten(2)
    grey = flat.new_tensor(_GREY) @ flat.mean(dim=2).mT
    mixed = changes[:, :, 3] * grey[:, None]
    return torch.baddbmm(mixed[:, :, None], changes[:, :, :3], flat).clamp(0, 1).view_as(images)
