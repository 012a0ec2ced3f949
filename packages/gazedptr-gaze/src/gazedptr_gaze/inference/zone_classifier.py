"""Zones learnt from labelled frames: the nearest mean, by the spread that all zones share (regularised LDA)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visioncore.errors import InputError

from .cabin import ELSEWHERE
from .calibration_files import read_calibration, write_calibration
from .labelled_frames import LabelledFrame

Array = NDArray[np.float64]

NOISE = (0.01, 0.01, 0.01, 1.0, 1.0, 1.0)
"""Least standard deviation of the features, unit vector and origin in mm: labelled frames may be all alike."""
FEWEST = 2
"""Frames that each zone needs."""


@dataclass(frozen=True)
class ZoneClassifier:
    """Linear discriminant analysis of gazes with a regularised covariance and equal priors.

    The features of a gaze are its unit vector (3) and, where training frames had one, its origin in mm (3).

    Attributes:
        zones: their names; one may be elsewhere. Without it every gaze gets one of the others.
        means: features of each zone, (zones, 3 or 6).
        precision: inverse of the covariance within zones, (features, features).
        frames: how many it was trained on.
        accuracy: share of them that a classifier trained on all the others names right.

    Raises:
        InputError: if sizes do not fit, or the precision is not that of a covariance.
    """

    zones: tuple[str, ...]
    means: tuple[tuple[float, ...], ...]
    precision: tuple[tuple[float, ...], ...]
    frames: int
    accuracy: float

    def __post_init__(self) -> None:
        sizes = {len(row) for row in (*self.means, *self.precision)}
        if len(self.zones) != len(self.means) or sizes not in ({3}, {6}) or len(self.precision) != min(sizes):
            raise InputError("means and precision do not fit; there should be 3 or 6 numbers in each row of both")
        if len(set(self.zones)) != len(self.zones) or not all(self.zones):
            raise InputError("zones should be names, each once")
        precision = np.array(self.precision)
        if not np.allclose(precision, precision.T) or np.linalg.eigvalsh(precision).min() <= 0:
            raise InputError("precision is not the inverse of a covariance: it must be symmetric, positive definite")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the zones by their ids; 0 is elsewhere."""
        return (ELSEWHERE, *(zone for zone in self.zones if zone != ELSEWHERE))

    @property
    def needs_origins(self) -> bool:
        """Whether gaze origins are among the features."""
        return len(self.precision) == 6

    def of(self, vectors: ArrayLike, origins: ArrayLike | None) -> tuple[NDArray[np.int64], Array]:
        """Return the ids of the zones that are looked at, (N,), and their probabilities, (N,), among all zones.

        Args:
            vectors: (N, 3) unit vectors of gazes in the frame of the camera.
            origins: (N, 3) gaze origins in mm; None if not `needs_origins`.

        Raises:
            InputError: if origins are needed and there are none.
        """
        features = np.asarray(vectors, dtype=np.float64).reshape(-1, 3)
        if self.needs_origins:
            if origins is None:
                raise InputError("these zones were learnt with gaze origins; predict with the camera's calibration")
            features = np.concatenate([features, np.asarray(origins, dtype=np.float64).reshape(-1, 3)], axis=1)
        off = features[:, None] - np.array(self.means)
        distances = np.einsum("nzi,ij,nzj->nz", off, np.array(self.precision), off)
        likely = np.exp((distances.min(axis=1, keepdims=True) - distances) / 2)
        nearest = distances.argmin(axis=1)
        ids = np.array([self.names.index(zone) for zone in self.zones])
        return ids[nearest], likely[np.arange(len(likely)), nearest] / likely.sum(axis=1)

    def save(self, path: str | Path) -> None:
        """Write a JSON file that `read_zone_classifier` reads.

        Raises:
            InputError: if it is named otherwise, or cannot be written.
        """
        write_calibration(self, path)


def train_zone_classifier(frames: list[LabelledFrame]) -> ZoneClassifier:
    """Return the classifier of frames that are labelled with a ``zone``; origins count if all frames have one.

    Raises:
        InputError: if a label is missing, or there are fewer than two zones, or too few frames of one.
    """
    labels = []
    for frame in frames:
        if not (zone := frame.label.get("zone", "")):
            raise InputError(f"{frame.where}: no zone; it should be the name of what is looked at in that frame")
        labels.append(zone)
    zones = tuple(sorted(set(labels)))
    if len(zones) < 2:
        told = "all labelled frames are of one zone" if zones else "no frame is labelled"
        raise InputError(f"{told}; there should be at least 2 zones")
    if rare := [zone for zone in zones if labels.count(zone) < FEWEST]:
        raise InputError(
            f"zone {rare[0]!r}: {labels.count(rare[0])} frame is labelled; there should be {FEWEST} or more"
        )
    features = np.array([frame.record.vector for frame in frames])
    if all(frame.record.origin is not None for frame in frames):
        features = np.concatenate([features, np.array([frame.record.origin for frame in frames])], axis=1)
    ids = np.array([zones.index(label) for label in labels])
    right = []
    for left_out in range(len(ids)):
        others = np.arange(len(ids)) != left_out
        means, precision = _fitted(features[others], ids[others])
        off = features[left_out] - means
        right.append(np.einsum("zi,ij,zj->z", off, precision, off).argmin() == ids[left_out])
    means, precision = _fitted(features, ids)
    return ZoneClassifier(zones, _rows(means), _rows(precision), len(ids), float(np.mean(right)))


def read_zone_classifier(path: str | Path) -> ZoneClassifier:
    """Return the classifier of a JSON file that `ZoneClassifier.save` wrote.

    Raises:
        InputError: if it cannot be read or is something else.
    """
    return read_calibration(ZoneClassifier, path, "the zones that calibrate-zones writes")


def _rows(matrix: Array) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(float, row)) for row in matrix)


def _fitted(features: Array, ids: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return the mean of each zone, (zones, F), and the inverse of the covariance within zones, (F, F).

    Correlations between features are weakened by the share that Schäfer and Strimmer (2005) derive from their sampling
    error, so that few frames do; variances are kept (`NOISE` at least).
    """
    means = np.stack([features[ids == zone].mean(axis=0) for zone in range(ids.max() + 1)])
    within = features - means[ids]
    count, size = features.shape
    freedom = max(count - len(means), 1)
    deviation = np.maximum(np.sqrt((within**2).sum(axis=0) / freedom), NOISE[:size])
    scaled = within / deviation
    products = scaled[:, :, None] * scaled[:, None, :]
    correlation, apart = products.mean(axis=0), ~np.eye(size, dtype=bool)
    error = ((products - correlation) ** 2).sum(axis=0) * count / (count - 1) ** 3
    square = (correlation[apart] ** 2).sum()
    kept = max(1 - error[apart].sum() / square, 0.0) if square else 0.0
    correlation = np.where(apart, kept * correlation, 1.0)
    return means, np.linalg.inv(correlation) / np.outer(deviation, deviation)
