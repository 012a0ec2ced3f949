"""The list of classes behind the names that weights know them by."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

from .classes import CLASS_MAPS, ClassMap

_TURN = 0.618033988749895
"""Of the circle of hues from one class to the next, the golden ratio, so that neighbours differ."""


def classes_named(names: Sequence[str], title: str = "these weights") -> ClassMap:
    """Return the list of classes with these names: a published one, or one whose raw ids are the classes themselves.

    Args:
        names: of the classes, the ignored one first.
        title: of a list that is none of the published ones.
    """
    for known in CLASS_MAPS.values():
        if known.names == tuple(names):
            return known
    hues = [colorsys.hsv_to_rgb(place * _TURN % 1, 0.65, 0.95) for place in range(len(names))]
    colours = [[round(255 * value) for value in hue] for hue in hues]
    return ClassMap(title, names, [[0, 0, 0], *colours[1:]], {place: place for place in range(len(names))})
