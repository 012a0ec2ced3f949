"""Classes and colours of a scan's points, for figures and pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .colours import Colours


@dataclass(frozen=True)
class Shown:
    """Classes and colours of points.

    Attributes:
        labels: class of each point (P,), or None.
        names: of the classes, by label.
        colours: of the classes (K, 3), by label.
        confidence: probability of each point's class (P,), or None.
        instances: number of each point's instance (P,), 0 for none, or None.
        features: colours of each point's features (P, 3), or None.
        notice: what is to be known of the labels; empty for nothing.
    """

    labels: NDArray[np.int64] | None = None
    names: Sequence[str] = ()
    colours: Colours | None = None
    confidence: NDArray[np.float32] | None = None
    instances: NDArray[np.int64] | None = None
    features: Colours | None = None
    notice: str = ""
