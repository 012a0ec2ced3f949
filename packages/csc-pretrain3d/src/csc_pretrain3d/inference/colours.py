"""Colours of points: by class, by a number, and by what a network has made of them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.extras import require

Colours = NDArray[np.uint8]
"""(P, 3) RGB."""

MAPS = {"intensity": "viridis", "height": "turbo"}
"""The colour map for each number that points are coloured by."""
_DARKEST = 150.0
"""Of the brightest channel of a colour that can be seen before a dark background."""
_FITTED = 50_000
"""Points that principal components are found from."""
_SHOWN = (1.0, 99.0)
"""Percentiles that become the ends of a scale, so that single points do not decide it."""


def number_colours(values: NDArray[np.floating[Any]], what: str) -> Colours:
    """Return the colours of numbers.

    Args:
        values: (P,).
        what: a key of `MAPS`.
    """
    low, high = number_range(values)
    scaled = np.clip((values - low) / (high - low), 0, 1)
    return colour_table(what)[np.round(scaled * 255).astype(np.intp)]


def number_range(values: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Return the values at the two ends of the colour map."""
    low, high = (float(value) for value in np.percentile(values, _SHOWN))
    return low, high if high > low else low + 1.0


def colour_table(what: str) -> Colours:
    """Return the 256 colours of a colour map; ``what`` is a key of `MAPS`."""
    maps = require("matplotlib", "images").colormaps
    return np.round(maps[MAPS[what]](np.arange(256))[:, :3] * 255).astype(np.uint8)


def on_dark(colours: Colours) -> Colours:
    """Return colours that can be seen before a dark background: dark ones are brighter, black is grey."""
    value = colours.max(axis=1, keepdims=True).astype(np.float64)
    brighter = np.where(value > 0, colours / np.maximum(value, 1), 0.7) * _DARKEST
    return np.round(np.where(value < _DARKEST, brighter, colours)).astype(np.uint8)


class FeatureColours:
    """Turns features into colours: their first three principal components as red, green and blue.

    Fitted once and applied to several scans, the same colour means the same feature in all of them.

    Args:
        features: (P, C), of at least one point, that the components are found from.

    Raises:
        InputError: if there is none, or one is not finite.
    """

    def __init__(self, features: NDArray[np.floating[Any]]) -> None:
        if features.ndim != 2 or not features.size or not np.isfinite(features).all():
            raise InputError(f"features are {features.shape}; colours need (P, C) finite numbers of at least one point")
        chosen = features[:: -(-len(features) // _FITTED)].astype(np.float64)
        self.mean = chosen.mean(axis=0)
        centred = chosen - self.mean
        _, vectors = np.linalg.eigh(centred.T @ centred)
        axes = vectors[:, ::-1][:, :3]
        # of the two directions of an axis, always the same
        self.axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
        self.low, high = np.percentile(centred @ self.axes, _SHOWN, axis=0)
        self.range = high - self.low

    def __call__(self, features: NDArray[np.floating[Any]]) -> Colours:
        """Return the colours of features (P, C)."""
        along = (features - self.mean) @ self.axes
        flat = self.range <= 1e-9 * max(1.0, float(np.abs(self.mean).max()))
        scaled = np.where(flat, 0.5, (along - self.low) / np.where(flat, 1, self.range))
        colours = np.full((len(features), 3), 0.5)
        colours[:, : scaled.shape[1]] = np.clip(scaled, 0, 1)
        return np.round(colours * 255).astype(np.uint8)

    @classmethod
    def of(cls, features: NDArray[np.floating[Any]]) -> tuple[Self, Colours]:
        """Return the fitted colours, and those of the same features."""
        fitted = cls(features)
        return fitted, fitted(features)
