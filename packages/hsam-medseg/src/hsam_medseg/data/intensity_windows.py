"""Intensity windows: which intensities are mapped to 0 and 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

Level = float | tuple[float, ...]
"""An intensity, or one for each of three channels."""


@dataclass(frozen=True)
class Window:
    """The intensities that are mapped to 0 and to 1.

    Attributes:
        low: becomes 0, as does what is below.
        high: becomes 1, as does what is above.
        scale: what the two are: ``intensity``, in whatever unit; ``hounsfield`` units; ``percentile`` of the volume,
            of channels each by itself; ``fraction`` of what its type holds, which is 1 for floats, 255 and 65535 for 8
            and 16 bit.
    """

    low: float
    high: float
    scale: Literal["intensity", "hounsfield", "percentile", "fraction"] = "intensity"

    def __post_init__(self) -> None:
        if not -np.inf < self.low < self.high < np.inf:
            raise InputError(f"window is {self.low:g},{self.high:g}; it must be two numbers, the lower first")

    def bounds(self, voxels: NDArray[Any]) -> tuple[Level, Level]:
        """Return the two intensities in ``voxels``, (D, H, W) or with three channels behind.

        Both are the same where a volume is constant.

        Raises:
            InputError: if ``voxels`` should be fractions and are far from it, or Hounsfield units and are fractions.
        """
        if self.scale == "intensity":
            return self.low, self.high
        if self.scale == "percentile" and voxels.ndim == 4:
            lows, highs = np.percentile(voxels, (self.low, self.high), axis=(0, 1, 2))
            return tuple(map(float, lows)), tuple(map(float, highs))
        if self.scale == "percentile":
            low, high = np.percentile(voxels, (self.low, self.high))
            return float(low), float(high)
        least, most = voxels.min(), voxels.max()
        if self.scale == "hounsfield":
            # As in the published Synapse volumes, of which all would become one grey.
            if voxels.dtype.kind == "f" and 0 <= least < most <= 1:
                raise InputError(
                    f"the window is for Hounsfield units, but values are {least:g} to {most:g}, as if they were "
                    "windowed already; name the window unit"
                )
            return self.low, self.high
        top = np.iinfo(voxels.dtype).max if voxels.dtype in (np.uint8, np.uint16) else 1
        if least < -top or most > 3 * top:
            raise InputError(
                f"window is unit, for values in [0, 1], but they are {least:g} to {most:g}; name another, "
                f"such as {', '.join(name for name in WINDOWS if name != 'unit')}, or LOW,HIGH"
            )
        return self.low * top, self.high * top


WINDOWS: Mapping[str, Window] = {
    "abdomen": Window(-125, 275, "hounsfield"),
    "lung": Window(-1350, 150, "hounsfield"),
    "brain": Window(0, 80, "hounsfield"),
    "bone": Window(-500, 1300, "hounsfield"),
    "mr": Window(0.5, 99.5, "percentile"),
    "range": Window(0, 100, "percentile"),
    "unit": Window(0, 1, "fraction"),
}
"""Windows by name: four for CT in Hounsfield units, one for MR, one from the least to the greatest value, and one for
values that are in [0, 1] already (in [0, 255] or [0, 65535] for 8 or 16 bit)."""


def parse_window(text: str) -> Window:
    """Return the window of that name, or of ``LOW,HIGH``.

    Raises:
        InputError: if it is neither.
    """
    if text in WINDOWS:
        return WINDOWS[text]
    low, _, high = text.partition(",")
    try:
        return Window(float(low), float(high))
    except InputError:
        raise
    except ValueError:
        raise InputError(f"window is {text!r}; it must be {', '.join(WINDOWS)}, or LOW,HIGH such as -125,275") from None


def apply_window(voxels: NDArray[Any], window: str) -> NDArray[np.float32]:
    """Return ``voxels`` as float32 in [0, 1]; what lies outside the window is clipped, a constant volume becomes 0.

    Args:
        voxels: of any shape and real type. Windows that go by the values need a whole volume, and of four axes take the
            last for channels.
        window: a name in `WINDOWS`, or ``LOW,HIGH``.

    Raises:
        InputError: if there is no such window, or the values are far from what it is for, see `Window.bounds`.
    """
    return scaled(voxels, *parse_window(window).bounds(voxels))


def scaled(voxels: NDArray[Any], low: Level, high: Level) -> NDArray[np.float32]:
    """Return ``voxels`` as float32 in [0, 1], which ``low`` and ``high`` become; 0 where these are the same.

    Args:
        voxels: of any shape and real type; where intensities are those of channels, these come last.
        low: becomes 0, as does what is below.
        high: becomes 1, as does what is above.
    """
    span = np.subtract(high, low)
    shown = voxels.astype(np.float32)
    shown -= np.asarray(low, np.float32)
    shown /= np.where(span > 0, span, np.inf).astype(np.float32)
    return np.clip(shown, 0, 1, out=shown)
