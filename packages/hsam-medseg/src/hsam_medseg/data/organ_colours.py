"""The colour of each label: the same in every figure and file."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterable


def organ_colours(labels: Iterable[int]) -> dict[int, tuple[float, float, float]]:
    """Return the colour of each label, (red, green, blue) in [0, 1]; it is the same in every scan.

    Hues go round by the golden ratio, so that any number of them lie well apart; those of the closest hues are 5, 8
    or 13 labels apart, and differ in saturation or brightness, of which there are three.
    """
    golden, shades = (math.sqrt(5) - 1) / 2, ((0.9, 1.0), (0.5, 1.0), (0.9, 0.7))
    return {label: colorsys.hsv_to_rgb((0.4 + label * golden) % 1, *shades[(label - 1) % 3]) for label in labels}
