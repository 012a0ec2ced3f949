"""Hounsfield units as CT networks see them: -1024 to 3072 HU as 0 to 1, nothing clipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HU_MIN = -1024.0
"""The Hounsfield units that are stored as 0."""
HU_RANGE = 4096.0
"""The Hounsfield units between a stored 0 and a stored 1."""
PADDING = -2000.0
"""HU at and below which nothing was measured: scanners mark so what is outside their round field of view."""


def to_unit(hu: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return Hounsfield units, any shape, as stored values: 0 for -1024 HU, 1 for 3072 HU, float32."""
    return ((hu - HU_MIN) / HU_RANGE).astype(np.float32)


def to_hu(unit: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return stored values, any shape, as Hounsfield units, float32."""
    return (unit * HU_RANGE + HU_MIN).astype(np.float32)
