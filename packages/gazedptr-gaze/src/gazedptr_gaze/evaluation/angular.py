"""Errors of gaze directions in degrees, and what the paper makes of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data.conventions import angle_between, official_vectors

Array = NDArray[np.float64]

LARGEST_COSINE = 0.9999999
"""Where the authors clip; a perfect prediction so has an error of 0.0256 degrees."""
AP_DEGREES = (2, 4, 6, 8)


def published_angular_error(gaze: ArrayLike, reference: ArrayLike) -> Array:
    """Return the errors (N,) in degrees as the authors compute them, by the arc cosine, clipped from above.

    Args:
        gaze: (N, 2), yaw and pitch in radians; any sign convention, if both follow the same.
        reference: (N, 2).
    """
    cosine = (official_vectors(gaze) * official_vectors(reference)).sum(axis=-1)
    return np.degrees(np.arccos(np.minimum(cosine, LARGEST_COSINE)))


def angular_error(gaze: ArrayLike, reference: ArrayLike) -> Array:
    """Return the errors (N,) in degrees, exact for small and large ones; arguments as `published_angular_error`."""
    return angle_between(official_vectors(gaze), official_vectors(reference))


def average_precision(errors: ArrayLike) -> list[float]:
    """Return, for each of `AP_DEGREES`, the share of errors strictly below it: AP(<k) of the paper's project page."""
    errors = np.asarray(errors, dtype=np.float64)
    return [float((errors < limit).mean()) for limit in AP_DEGREES]


def mean_direction_error(reference: ArrayLike, training: ArrayLike) -> float:
    """Return the mean error in degrees of always predicting the mean direction of the training labels.

    Args:
        reference: (N, 2) labels, yaw and pitch in radians.
        training: (M, 2) labels.
    """
    x, y, z = official_vectors(training).mean(axis=0)
    constant = np.array([np.arctan2(x, -z), np.arctan2(y, np.hypot(x, z))])
    return float(angular_error(np.broadcast_to(constant, np.shape(reference)), reference).mean())
