"""Random changes of a training clip, the same for all of its frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

from .clips import Crop, Pixels

SCALES = (1.0, 0.875, 0.75, 0.66)
"""Sides of crops over the shorter side of a frame."""
_GREY = np.array([0.299, 0.587, 0.114])
# rotates colours around grey: towards I and Q of YIQ, and back
_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


@dataclass(frozen=True)
class Augmentation:
    """How a clip is changed.

    Attributes:
        crop: cut out a rectangle of random size at one of the corners or in the middle; else the middle.
        flip: probability that left and right are exchanged; 0 where they carry meaning, as in Something-Something.
        jitter: probability that colours change.
        strength: largest change of brightness, contrast and saturation, as a share; of the hue it is a quarter turn
            times this.
        grey: probability that colours are taken away.

    Raises:
        InputError: if a number is not from 0 to 1.
    """

    crop: bool = True
    flip: float = 0.5
    jitter: float = 0.8
    strength: float = 0.4
    grey: float = 0.2

    def __post_init__(self) -> None:
        for name in ("flip", "jitter", "strength", "grey"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"augmentation.{name} is {getattr(self, name)}; it must be from 0 to 1")


def drawn_crop(height: int, width: int, rng: np.random.Generator) -> Crop:
    """Return a random rectangle of a frame, of several scales and shapes, at a corner or in the middle.

    Its sides are two of `SCALES` that are next to each other or equal, times the shorter side.

    Args:
        height: of the frame.
        width: of the frame.
        rng: draws it.
    """
    short = min(height, width)
    pairs = [(a, b) for i, a in enumerate(SCALES) for j, b in enumerate(SCALES) if abs(i - j) <= 1]
    tall, wide = (short * share for share in pairs[rng.integers(len(pairs))])
    places = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5)]
    down, across = places[rng.integers(len(places))]
    return Crop(down * (height - tall), across * (width - wide), tall, wide)


def drawn_colours(how: Augmentation, rng: np.random.Generator) -> tuple[NDArray[np.float64], float]:
    """Return a matrix (3, 3) of colours and the share of a frame's mean grey that is mixed in, for contrast."""
    matrix, mixed = np.eye(3), 0.0
    if rng.random() < how.jitter:
        brightness, contrast, saturation = 1 + how.strength * rng.uniform(-1, 1, 3)
        angle = how.strength * rng.uniform(-1, 1) * math.pi / 2
        turn = np.array([[1, 0, 0], [0, math.cos(angle), -math.sin(angle)], [0, math.sin(angle), math.cos(angle)]])
        hue = np.linalg.inv(_TO_YIQ) @ turn @ _TO_YIQ
        grey = np.outer(np.ones(3), _GREY)
        matrix = contrast * brightness * (saturation * hue + (1 - saturation) * grey)
        mixed = (1 - contrast) * brightness
    if rng.random() < how.grey:
        matrix = np.outer(np.ones(3), _GREY @ matrix)
    return matrix, mixed


def recoloured(clip: Pixels, matrix: NDArray[np.float64], mixed: float) -> Pixels:
    """Return frames (T, H, W, 3) with other colours; arguments as `drawn_colours` returns them."""
    values = clip.astype(np.float32)
    changed = values @ matrix.T.astype(np.float32)
    if mixed:
        changed += np.float32(mixed) * (values @ _GREY.astype(np.float32)).mean(axis=(1, 2))[:, None, None, None]
    return changed.clip(0, 255).round().astype(np.uint8)
