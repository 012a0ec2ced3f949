"""Harmony: whether a foreground has the light of its scene, and whether a seam is seen between them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .areas import Mask, Pixels, check_mask, eroded, grown, ring, ring_width
from .colours import covariance_distance, mean_distance, to_lab

LEAST_GRADIENT = 0.5
"""Lightness a pixel that gradients nearby count at least, so that flat surfaces do not make a seam of nothing."""


class Harmony(NamedTuple):
    """Distances of colours between a foreground and the ring around it, in CIELAB."""

    mean: float
    """Of the mean colours."""
    covariance: float
    """Of the covariances of colours, by Bures."""


def colour_harmony(image: Pixels, mask: Mask, width: int | None = None) -> Harmony:
    """Return how far the colours inside a mask are from those in a ring around it; 0 if they are the same.

    Args:
        image: (H, W, 3) RGB.
        mask: (H, W), of the foreground.
        width: of the ring in pixels; a sixteenth of the shorter side by default.

    Raises:
        InputError: if the mask is empty or of another size.
    """
    check_mask(mask, image)
    around = ring(mask, ring_width(mask) if width is None else width)
    if not around.any():
        return Harmony(0.0, 0.0)
    lab = to_lab(image)
    return Harmony(mean_distance(lab[mask], lab[around]), covariance_distance(lab[mask], lab[around]))


def gradient_jump(image: Pixels, mask: Mask, width: int | None = None) -> float:
    """Return how steep the lightness is across a mask's boundary, over how steep it is nearby.

    1 means that the boundary is no steeper than what lies inside and outside of it. The gradient of a pixel is the root
    of its squared central differences of lightness along both axes; the boundary is one pixel on each side, and nearby
    is what is further off, up to the width of the ring, on both sides.

    Args:
        image: (H, W, 3) RGB.
        mask: (H, W), of the foreground.
        width: of the areas nearby in pixels; a sixteenth of the shorter side by default.

    Raises:
        InputError: if the mask is empty or of another size.
    """
    check_mask(mask, image)
    steepness = _steepness(to_lab(image)[..., 0])
    reach = 2 + (ring_width(mask) if width is None else width)
    line = grown(mask, 1) & ~eroded(mask, 1)
    # central differences two pixels away from the boundary do not see across it
    near = (grown(mask, reach) & ~grown(mask, 2)) | (eroded(mask, 2) & ~eroded(mask, reach))
    if not line.any() or not near.any():
        return 1.0
    return float(max(steepness[line].mean(), LEAST_GRADIENT) / max(steepness[near].mean(), LEAST_GRADIENT))


def _steepness(lightness: NDArray[np.float32]) -> NDArray[np.float32]:
    down, right = np.gradient(lightness)
    steep: NDArray[np.float32] = np.hypot(down, right)
    return steep
