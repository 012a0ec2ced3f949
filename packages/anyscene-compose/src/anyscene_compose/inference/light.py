"""The light of a scene that does not show the foreground yet: how bright it is there, and of which colour."""

from __future__ import annotations

import numpy as np

from visioncore.images.sixteen_bit import Pixels

from .blending import white_of
from .pyramids import Floats

_SIDE = 64
"""Longer side of the image that light is read from; light has no details."""
_REACH = 0.12
"""Standard deviation of what light is the mean of, as a share of the longer side."""
_COLOUR, _BRIGHTNESS = 0.9, 0.8
"""Exponents by which light counts: a scene's mean colour is also that of its things, and a dark thing may be dark."""
_LEAST, _MOST = 0.25, 1.6
"""Bounds of how much darker and brighter a foreground gets, of light."""
_GAMMA = 2.2


def lit(foreground: Pixels, scene: Pixels, share: Floats) -> Pixels:
    """Return a foreground (H, W, 3) as it would look in the light of the scene around it.

    After the grey-world assumption: the mean of a scene nearby has the colour of its light, and how bright it is beside
    the foreground's own mean says how bright that light is.

    Args:
        foreground: (H, W, 3) uint8 or uint16.
        scene: (H, W, 3) uint8 or uint16.
        share: (H, W) of the foreground in each pixel, in [0, 1].
    """
    import cv2

    height, width = share.shape
    factor = _SIDE / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    light, own, small = (_small(each, size) for each in (scene, foreground, share))
    blurred = cv2.GaussianBlur(light, (0, 0), _REACH * max(size), borderType=cv2.BORDER_REPLICATE)
    light = np.asarray(blurred, np.float32).reshape(*size[::-1], 3)
    level = light.mean(axis=2, keepdims=True) + 1e-4
    weight = small[..., None] + 1e-6
    own_level = float((own * weight).sum() / (3 * weight.sum())) + 1e-4
    gain = (light / level) ** _COLOUR * np.clip((level / own_level) ** _BRIGHTNESS, _LEAST, _MOST)
    factors = cv2.resize(gain ** (1 / _GAMMA), (width, height), interpolation=cv2.INTER_LINEAR)
    most = white_of(foreground)
    factors *= foreground
    np.clip(factors, 0, most, out=factors)
    return np.rint(factors, out=factors).astype(foreground.dtype)


def _small(image: Pixels | Floats, size: tuple[int, int]) -> Floats:
    """Return an image at a width and height, in linear light; shares as they are."""
    import cv2

    small: Floats = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return small if image.ndim == 2 else np.asarray((small / white_of(image)) ** _GAMMA, np.float32)
