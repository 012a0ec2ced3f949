"""Augmentation of our own, off by default: the authors augment nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from visioncore.errors import InputError

from ..network.losses import UNKNOWN_ZONE

FACES = ("normalised", "original")


@dataclass(frozen=True)
class Augmentation:
    """Bounds of the changes that are drawn anew for each training sample.

    Attributes:
        flip: how often a sample is mirrored, from 0 to 1. Zones learn nothing of it: nobody says which are each other's
            mirror.
        brightness: largest change, as a share of the brightest value, from 0 to 1.
        contrast: largest change of the spread around the mean, as a share of it, from 0 to below 1.
        noise: largest standard deviation of noise as infrared sensors have it (the same in all channels), as a share of
            the brightest value, from 0 to 1.

    Raises:
        InputError: if a value is out of its range.
    """

    flip: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for name in ("flip", "brightness", "contrast", "noise"):
            if not 0 <= (value := getattr(self, name)) <= 1 or (name == "contrast" and value == 1):
                limit = "below 1" if name == "contrast" else "1"
                raise InputError(f"augmentation.{name} is {value}; it must be from 0 to {limit}")


def augmented(sample: dict[str, Tensor], how: Augmentation, rng: np.random.Generator) -> dict[str, Tensor]:
    """Return a sample, changed at random; both faces of it, which are of one photo, have one brightness and contrast.

    Args:
        sample: of `data.faces.FaceSamples`.
        how: the bounds of what is drawn.
        rng: draws it.
    """
    if how.flip and rng.random() < how.flip:
        sample = mirrored(sample)
    if not (how.brightness or how.contrast or how.noise):
        return sample
    shift, gain = 255 * how.brightness * rng.uniform(-1, 1), 1 + how.contrast * rng.uniform(-1, 1)
    strength, changed = 255 * rng.uniform(0, how.noise), dict(sample)
    for face in FACES:
        if face in sample:
            values = sample[face].float()
            mean = values.mean()
            values = (values - mean) * gain + mean + shift
            if strength:
                values += torch.from_numpy(rng.normal(0, strength, values.shape[1:]).astype(np.float32))
            changed[face] = values.round().clamp(0, 255).to(torch.uint8)
    return changed


def mirrored(sample: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a sample as if the whole scene were mirrored, left and right exchanged; its zone is `UNKNOWN_ZONE`.

    Args:
        sample: of `data.faces.FaceSamples`, or a batch of them.
    """
    sign = torch.tensor([-1.0, 1, 1])
    signs = {
        "normalised_gaze": sign[:2],
        "original_gaze": sign[:2],
        "axis": sign,
        "origin": sign,
        "to_camera": sign[:, None] * sign,
    }
    flipped = {face: sample[face].flip(-1) for face in FACES if face in sample}
    zone = torch.full_like(sample["zone"], UNKNOWN_ZONE)
    return sample | flipped | {name: sample[name] * each for name, each in signs.items()} | {"zone": zone}
