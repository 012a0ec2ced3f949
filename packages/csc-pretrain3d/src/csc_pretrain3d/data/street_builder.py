"""The look of the bodies of a made-up street, and a place to collect them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .ray_casting import Floats

Vector = Sequence[float] | Floats | NDArray[np.float64]

ADE20K = {1: 33, 2: 128, 3: 81, 4: 21, 5: 84, 6: 117, 7: 13, 8: 0, 9: 84, 10: 84, 11: 7, 13: 12, 14: 10, 15: 2, 16: 5}
"""Category (ADE20K class + 1, 0 for none) that a segmenter gives to each class of nuScenes; other than one to one."""
POLE, SKY = 94, 3

COLOURS = {
    1: (0.62, 0.58, 0.55), 2: (0.25, 0.28, 0.35), 3: (0.85, 0.75, 0.25), 4: (0.55, 0.55, 0.58), 5: (0.95, 0.70, 0.10),
    6: (0.30, 0.22, 0.25), 7: (0.55, 0.35, 0.35), 8: (0.95, 0.40, 0.10), 9: (0.75, 0.75, 0.72), 10: (0.45, 0.55, 0.75),
    11: (0.32, 0.32, 0.34), 13: (0.60, 0.57, 0.53), 14: (0.42, 0.46, 0.24),
    15: (0.62, 0.48, 0.40), 16: (0.20, 0.40, 0.16),
}  # fmt: skip
"""Mean colour of each class, RGB in [0, 1]."""
REFLECTIVITY = {
    1: 0.35, 2: 0.30, 3: 0.45, 4: 0.40, 5: 0.45, 6: 0.30, 7: 0.25, 8: 0.75, 9: 0.50, 10: 0.45,
    11: 0.10, 13: 0.22, 14: 0.18, 15: 0.35, 16: 0.28,
}  # fmt: skip
"""Mean share of light that each class throws back to the sensor, in [0, 1]."""


@dataclass
class Builder:
    """Collects bodies; the look of a class varies from scene to scene, and less from thing to thing."""

    rng: np.random.Generator
    mislabelled: float
    rows: list[tuple[object, ...]] = field(default_factory=list)
    things: int = 0

    def __post_init__(self) -> None:
        rng = self.rng
        self.tone = {label: np.clip(np.array(c) + rng.normal(0, 0.09, 3), 0.03, 0.97) for label, c in COLOURS.items()}
        self.shine = {label: value * math.exp(rng.normal(0, 0.35)) for label, value in REFLECTIVITY.items()}

    def look(self, label: int, spread: float = 0.08) -> tuple[NDArray[np.float64], float, int]:
        """Return colour, reflectivity and category of one more thing of a class."""
        colour = np.clip(self.tone[label] + self.rng.normal(0, spread, 3) + self.rng.normal(0, spread), 0.03, 0.97)
        category = ADE20K[label]
        if self.rng.random() < self.mislabelled:
            category = int(self.rng.choice(list(ADE20K.values())))
        return colour, float(np.clip(self.shine[label] * math.exp(self.rng.normal(0, 0.25)), 0.02, 1)), category

    def thing(self) -> int:
        """Return the number of a new thing."""
        self.things += 1
        return self.things

    def add(
        self,
        kind: int,
        centre: Vector,
        size: Vector,
        label: int,
        look: tuple[NDArray[np.float64], float, int],
        *,
        yaw: float = 0.0,
        thing: int = 0,
        sparse: float = 0.0,
        windows: bool = False,
    ) -> None:
        """Add one body: its centre, its whole extents, and what it is of."""
        self.rows.append((kind, centre, np.asarray(size) / 2, yaw, sparse, label, look[2], thing, *look[:2], windows))

    def columns(self) -> list[NDArray[np.float64]]:
        """Return the columns of all bodies."""
        return [np.array(column) for column in zip(*self.rows, strict=True)]
