"""Expansion: how far an object grew beyond the outline of the foreground that was given (Eshratifar et al., 2024)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from visioncore.errors import InputError

from .areas import Mask


class Expansion(NamedTuple):
    """Growth of an object."""

    pixels: int
    """That it has beyond the given mask."""
    fraction: float
    """These over all pixels of the image."""


def expansion(found: Mask, given: Mask) -> Expansion:
    """Return how much larger the object that is found is, joined with the given mask, than that mask.

    Args:
        found: (H, W), of the object in the image.
        given: (H, W), of the foreground; its soft edge is part of it.

    Raises:
        InputError: if the masks differ in size.
    """
    if found.shape != given.shape:
        raise InputError(f"the mask found is {found.shape} and the given one {given.shape}; both must be of one size")
    pixels = int(np.count_nonzero(found | given) - np.count_nonzero(given))
    return Expansion(pixels, pixels / given.size)
