"""Colours of entities, and frames with their regions drawn in them."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..data.clips import Crop, Pixels

_TURN = 0.61803398875
"""Of the circle of hues, from one entity to the next: any few in a row are far apart."""
_SHARE = 0.45
"""Of an entity's colour in what is drawn."""


def entity_colours(places: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
    """Return a colour for each entity, by its place among those that are drawn."""
    hues = ((order * _TURN) % 1 for order in range(len(places)))
    rgb = (colorsys.hsv_to_rgb(hue, 0.85, 0.95) for hue in hues)
    return {place: np.round(255 * np.array(colour)).astype(np.uint8) for place, colour in zip(places, rgb, strict=True)}


def draw_regions(
    frame: Pixels, patches: NDArray[np.int16], colours: dict[int, NDArray[np.uint8]], crop: Crop | None = None
) -> Pixels:
    """Return a frame (H, W, 3) with the patches of entities coloured.

    Args:
        frame: the frame.
        patches: (h, w), the entity of each patch of the crop.
        colours: of the entities that are drawn; the patches of others stay as they are.
        crop: the part of the frame that was looked at; default: all.
    """
    height, width = frame.shape[:2]
    crop = crop or Crop(0, 0, height, width)
    rows = _places(height, crop.top, crop.height, patches.shape[0])
    columns = _places(width, crop.left, crop.width, patches.shape[1])
    entity = np.where(
        (rows >= 0)[:, None] & (columns >= 0), patches[np.maximum(rows, 0)][:, np.maximum(columns, 0)], -1
    )
    drawn = frame.copy()
    for place, colour in colours.items():
        inside = entity == place
        drawn[inside] = np.round((1 - _SHARE) * frame[inside] + _SHARE * colour).astype(np.uint8)
    return drawn


def _places(length: int, start: float, extent: float, count: int) -> NDArray[np.int64]:
    """Return the patch of each pixel along a side, -1 outside of the crop."""
    place = np.floor((np.arange(length) + 0.5 - start) / extent * count).astype(np.int64)
    return np.where((place >= 0) & (place < count), place, -1)
