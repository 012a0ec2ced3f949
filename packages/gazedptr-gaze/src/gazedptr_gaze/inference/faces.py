"""Faces in an image: what every way to find them returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

from ..data.head_pose import FACE

__all__ = ["Face", "FaceFinder", "by_size", "checked_faces"]

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Face:
    """A face in an image. Points are (x, y) in pixels; the centre of the first pixel is (0, 0)."""

    landmarks: Floats
    """(N, 2): corners of the person's right eye (outer, inner) and left eye (inner, outer), and of the mouth (right,
    left); or the points of another ``model``, such as these and the tip of the nose."""
    score: float
    """How sure the finder is, from 0 to 1."""
    irises: Floats | None = None
    """(2, 2): centres of the right and the left iris, where the finder knows them."""
    model: Floats = field(default_factory=lambda: FACE)
    """(N, 3): where the landmarks lie on a generic face, in mm: `FACE`, `FACE_AND_NOSE` or `FIVE_POINTS` of
    `data.head_pose`."""

    @property
    def extent(self) -> float:
        """Larger side of the box around the landmarks, in pixels."""
        return float(np.ptp(self.landmarks, axis=0).max())


class FaceFinder(Protocol):
    """Finds faces; a function of your own will do as well."""

    def __call__(self, image: NDArray[np.uint8]) -> list[Face]:
        """Return the faces in an image (H, W, 3) of RGB, none where there is none."""
        ...


def checked_faces(found: Any) -> list[Face]:
    """Return the faces that a finder returned.

    Raises:
        InputError: if it is no list of faces.
    """
    told = type(found).__name__
    if isinstance(found, list):
        if all(isinstance(face, Face) for face in found):
            return found
        told = f"a list with {next(type(face).__name__ for face in found if not isinstance(face, Face))}"
    raise InputError(f"the face finder returned {told}; it must be a list of Face")


def by_size(faces: list[Face]) -> list[Face]:
    """Return faces in the order of their extents, the largest first."""
    return sorted(faces, key=lambda face: -face.extent)
