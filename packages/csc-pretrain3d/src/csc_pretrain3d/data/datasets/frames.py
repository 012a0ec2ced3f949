"""The interface of data sets on disk, and poses as they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

from ..classes import ClassMap
from ..frames import Frames


class DataSet(Frames, Protocol):
    """Frames on disk that are read one by one, with labels and segments where there are any; it survives pickling."""

    @property
    def classes(self) -> ClassMap:
        """Names, colours and raw ids of the classes."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """Name of each frame, all different, fit for files."""
        ...


def rigid(translation: Sequence[float], quaternion: Sequence[float], where: str) -> NDArray[np.float64]:
    """Return the (4, 4) matrix that turns by a quaternion (w, x, y, z), then moves.

    Args:
        translation: in metres.
        quaternion: of any length but 0.
        where: what they are, for messages.

    Raises:
        InputError: if they are not three and four finite numbers.
    """
    try:
        moved, turned = np.asarray(translation, np.float64), np.asarray(quaternion, np.float64)
    except (TypeError, ValueError):
        moved, turned = np.zeros(0), np.zeros(0)
    length = float(np.linalg.norm(turned)) if turned.shape == (4,) else 0.0
    if moved.shape != (3,) or not np.isfinite([length, *moved]).all() or length == 0:
        raise InputError(f"{where}: a pose is three numbers and a quaternion of four that are not all 0")
    w, x, y, z = turned / length
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, 3] = moved
    return matrix


def is_rigid(pose: NDArray[np.float64]) -> bool:
    """Return whether a (4, 4) matrix turns and moves points and does nothing else, to 1 %, as rounded files have it."""
    turn = pose[:3, :3]
    turns = np.allclose(turn @ turn.T, np.eye(3), atol=0.01) and np.linalg.det(turn) > 0
    return bool(turns and np.allclose(pose[3], [0, 0, 0, 1]))
