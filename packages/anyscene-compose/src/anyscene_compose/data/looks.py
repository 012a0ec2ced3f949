"""Random changes of how a foreground is lit, so that training has to find light and colours that fit the scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

Layer = NDArray[np.float32]
"""An element (H, W, 4), straight RGBA in [0, 1]."""


@dataclass(frozen=True)
class LookAugmentation:
    """How much the look of an element may differ from that of its scene.

    Attributes:
        brightness: largest change, as a share.
        contrast: largest change about the element's mean colour, as a share.
        temperature: largest change of red against blue, as a share: warmer or colder.

    Raises:
        InputError: if a number is out of its range.
    """

    brightness: float = 0.3
    contrast: float = 0.3
    temperature: float = 0.2

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "temperature"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"looks.{name} is {getattr(self, name)}; it must be from 0 to below 1")


@dataclass(frozen=True)
class Look:
    """A change: factors of brightness and of contrast, and of red, by which blue is divided."""

    brightness: float = 1.0
    contrast: float = 1.0
    temperature: float = 1.0


def drawn_look(how: LookAugmentation, rng: np.random.Generator) -> Look:
    """Return a random change."""
    brightness, contrast, temperature = rng.uniform(-1, 1, 3)
    return Look(1 + how.brightness * brightness, 1 + how.contrast * contrast, 1 + how.temperature * temperature)


def relit(layer: Layer, look: Look) -> Layer:
    """Return an element in another look; its alpha stays."""
    if look == Look():
        return layer
    colours, alpha = layer[..., :3], layer[..., 3:]
    mean = (colours * alpha).sum(axis=(0, 1)) / max(float(alpha.sum()), 1e-6)
    factors = look.brightness * np.array([look.temperature, 1, 1 / look.temperature], np.float32)
    changed = (mean + look.contrast * (colours - mean)) * factors
    return np.concatenate((changed.clip(0, 1), alpha), axis=2).astype(np.float32)
