"""The bias of a person's gazes: a constant offset in yaw and pitch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visioncore.errors import InputError

from .calibration_files import read_calibration, write_calibration

Array = NDArray[np.float64]

LARGEST = np.pi / 4
"""Offset in radians beyond which something other than a person's eyes is wrong."""


@dataclass(frozen=True)
class GazeBias:
    """Offset that is added to the angles of one person's gazes, in the frame of the camera.

    Attributes:
        yaw: radians, `official` convention.
        pitch: as yaw.
        points: that it was found from.
        outliers: points that were left out.
        error_before: mean angle in degrees between gazes and the points they were meant for.
        error_after: the same with, for each point, the offset found from all the others.

    Raises:
        InputError: if the offset is larger than 45 degrees.
    """

    yaw: float
    pitch: float
    points: int
    outliers: int
    error_before: float
    error_after: float

    def __post_init__(self) -> None:
        if max(abs(self.yaw), abs(self.pitch)) > LARGEST:
            yaw, pitch = np.degrees([self.yaw, self.pitch])
            told = f"the bias is {yaw:.0f} degrees in yaw and {pitch:.0f} in pitch"
            raise InputError(f"{told}; more than 45 is no person's bias: are the targets in the frame of the camera?")

    def __str__(self) -> str:
        yaw, pitch = np.degrees([self.yaw, self.pitch])
        return f"yaw {yaw:+.2f}, pitch {pitch:+.2f} degrees"

    def apply(self, angles: ArrayLike) -> Array:
        """Return corrected angles (N, 2), yaw and pitch in radians, of angles in the frame of the camera."""
        return np.asarray(angles, dtype=np.float64) + np.array([self.yaw, self.pitch])

    def save(self, path: str | Path) -> None:
        """Write a JSON file that `read_bias` reads.

        Raises:
            InputError: if it is named otherwise, or cannot be written.
        """
        write_calibration(self, path)


def read_bias(path: str | Path) -> GazeBias:
    """Return the bias of a JSON file that `GazeBias.save` wrote.

    Raises:
        InputError: if it cannot be read or is something else.
    """
    return read_calibration(GazeBias, path, "the bias that calibrate writes")
