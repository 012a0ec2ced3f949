"""Groups of samples whose errors are told apart: by gaze, by head pose, by the words of sequence names."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data.conventions import official_vectors
from ..data.rotations import to_matrices

Masks = dict[tuple[str, str], NDArray[np.bool_]]
"""{(by what, which group): which samples (N,)}."""

EDGES = (0, 10, 20, 30, 40, 60, 90, 180)
"""Of the bins of angles, in degrees."""


def by_gaze(gaze: ArrayLike) -> Masks:
    """Return groups by the angle between true gazes (N, 2), in radians, and the axis of the normalised camera.

    At 0 degrees one looks straight into the camera.
    """
    return _bins("gaze", np.degrees(np.arccos(np.clip(-official_vectors(gaze)[:, 2], -1, 1))))


def by_head(head: ArrayLike) -> Masks:
    """Return groups by how far heads, rotation vectors (N, 3), are turned out of the axis of the normalised camera.

    Roll counts for nothing. Whether a head without rotation faces the camera or looks away from it is not published,
    so that both are 0 degrees.
    """
    return _bins("head", np.degrees(np.arccos(np.clip(np.abs(to_matrices(head)[:, 2, 2]), 0, 1))))


def by_word(names: Sequence[str]) -> Masks:
    """Return groups with and without each word of the names of sequences.

    Args:
        names: of images, such as ``20220811/subject0000_out_eye_mask/1.jpg``, which has the words out, eye, mask.
    """
    words = [set(name.split("/")[-2].split("_")[1:]) if "/" in name else set[str]() for name in names]
    groups: Masks = {}
    for word in sorted(set().union(*words)):
        has = np.array([word in each for each in words])
        groups["word", word] = has
        groups["word", f"without {word}"] = ~has
    return groups


def _bins(kind: str, degrees: NDArray[np.float64]) -> Masks:
    number = np.digitize(degrees, EDGES[1:-1])
    return {(kind, f"{low}-{high}"): number == i for i, (low, high) in enumerate(pairwise(EDGES))}
