"""From frame to frame: faces keep their ids, and gazes are smoothed where that is asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

from ..data.conventions import official_angles
from .result import GazeResult

FORGET = 2.0
"""Seconds after which a face that is not seen is forgotten; whoever comes then has a new id."""
NEAR = 0.8
"""How far a face moves at most from one frame to the next, over the side of its box."""


@dataclass(eq=False)
class _Known:
    """A face that was seen before."""

    id: int
    centre: NDArray[np.float64]
    time: float
    vector: NDArray[np.float64] | None


class Tracker:
    """Follows the faces of one video.

    Args:
        smoothing: seconds in which an earlier gaze loses all but 1/e of its weight; 0 leaves gazes as they are. The
            mean is that of unit vectors.
        all_faces: whether there may be several faces; the only one has id 0 whoever it is.

    Raises:
        InputError: if smoothing is below 0.
    """

    def __init__(self, smoothing: float = 0.0, all_faces: bool = False) -> None:
        if not 0 <= smoothing < math.inf:
            raise InputError(f"smoothing is {smoothing}; it must be seconds, 0 or more")
        self.smoothing, self.all_faces = smoothing, all_faces
        self._known: list[_Known] = []
        self._next = 0

    def __call__(self, result: GazeResult, time: float) -> GazeResult:
        """Return a result of the next frame with ids, and smoothed.

        Args:
            result: of the frame.
            time: of the frame in seconds.
        """
        self._known = [known for known in self._known if time - known.time <= FORGET]
        now: list[_Known] = []
        for number in range(len(result)):
            now.append(self._same(result, number, time, now))
        self._known = [known for known in self._known if known not in now] + now
        ids = tuple(known.id if self.all_faces else 0 for known in now)
        if not self.smoothing or result.vectors is None or not now:
            return replace(result, ids=ids)
        vectors = np.stack([known.vector for known in now])  # type: ignore[misc]
        turned = [seen.virtual.gaze(vector) for seen, vector in zip(result.faces, vectors, strict=True)]
        return replace(result, ids=ids, vectors=vectors, gaze=official_angles(turned).astype(np.float32))

    def _same(self, result: GazeResult, number: int, time: float, taken: Sequence[_Known]) -> _Known:
        """Return the known face that a face of a result is, moved to where it is now; a new one if there is none."""
        x0, y0, x1, y1 = result.faces[number].box
        centre, vector = np.array([x0 + x1, y0 + y1]) / 2, None if result.vectors is None else result.vectors[number]
        free = [known for known in self._known if known not in taken]
        nearest = min(free, key=lambda known: float(np.linalg.norm(known.centre - centre)), default=None)
        if nearest is None or np.linalg.norm(nearest.centre - centre) > NEAR * (x1 - x0):
            self._next += 1
            return _Known(self._next - 1, centre, time, vector)
        if self.smoothing and vector is not None and nearest.vector is not None:
            weight = math.exp(-(time - nearest.time) / self.smoothing)
            mean = weight * nearest.vector + (1 - weight) * vector
            length = float(np.linalg.norm(mean))
            vector = mean / length if length > 1e-6 else vector
        nearest.centre, nearest.time, nearest.vector = centre, time, vector
        return nearest
