"""The baseline of the head pose; that of the mean direction is in `evaluation.angular`."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data.conventions import official_angles, official_vectors
from ..data.rotations import to_matrices

Array = NDArray[np.float64]

PENALTY = 1e-4
"""Of the squared weights, in the unit of the mean squared error."""


def gaze_by_head_pose(head: ArrayLike, training_head: ArrayLike, training_gaze: ArrayLike) -> Array:
    """Return gazes (N, 2), yaw and pitch in radians, as a ridge regression tells them from the head pose alone.

    It goes from the nine numbers of the head's rotation, and a constant, to the gaze vector: linear, whatever way a
    head faces whose rotation is none.

    Args:
        head: (N, 3) rotation vectors of heads in the frame of the normalised camera.
        training_head: (M, 3) of the training samples.
        training_gaze: (M, 2) their gazes in that frame.
    """
    rows, targets = _features(training_head), official_vectors(training_gaze)
    square = rows.T @ rows / len(rows)
    square[np.diag_indices(9)] += PENALTY
    weights = np.linalg.solve(square, rows.T @ targets / len(rows))
    return official_angles(_features(head) @ weights)


def _features(head: ArrayLike) -> Array:
    matrices = to_matrices(head).reshape(-1, 9)
    return np.concatenate([matrices, np.ones((len(matrices), 1))], axis=1)
