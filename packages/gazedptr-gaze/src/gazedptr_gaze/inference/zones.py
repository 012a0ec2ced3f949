"""Zones that users define: one interface for those given by geometry and those learnt from labelled frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visioncore.errors import InputError

from .cabin import read_cabin
from .records import FrameGaze
from .zone_classifier import read_zone_classifier


class Zones(Protocol):
    """Zones of a user's own cabin: a `Cabin` or a `ZoneClassifier`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the zones by their ids; 0 is elsewhere."""

    @property
    def needs_origins(self) -> bool:
        """Whether `of` needs gaze origins, which only a calibrated camera gives."""

    def of(self, vectors: ArrayLike, origins: ArrayLike | None) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the ids of the zones that are looked at, (N,), and their probabilities, (N,).

        Args:
            vectors: (N, 3) unit vectors of gazes in the frame of the camera.
            origins: (N, 3) gaze origins in mm; None if not `needs_origins`.
        """


def read_zones(path: str | Path) -> Zones:
    """Return the zones of a file: of a cabin's geometry (``.yaml``), or what `calibrate-zones` learnt (``.json``).

    Raises:
        InputError: if it is neither, or wrong.
    """
    path = Path(path)
    if path.suffix.lower() in (".yaml", ".yml"):
        return read_cabin(path)
    if path.suffix.lower() == ".json":
        return read_zone_classifier(path)
    raise InputError(f"{path}: zones are a .yaml file with polygons, or the .json file that calibrate-zones writes")


def with_cabin_zones(records: Sequence[FrameGaze], zones: Zones) -> list[FrameGaze]:
    """Return records with ``cabin_zone`` and ``cabin_probability``; those without a gaze are left without.

    Raises:
        InputError: if a gaze has no origin and the zones need one.
    """
    seen = [i for i, record in enumerate(records) if record.vector is not None]
    vectors, origins = np.array([records[i].vector for i in seen]), None
    if zones.needs_origins:
        origins = np.array([_origin(records[i]) for i in seen])
    found = list(records)
    for i, zone, probability in zip(seen, *zones.of(vectors, origins), strict=True):
        found[i] = replace(found[i], cabin_zone=zones.names[zone], cabin_probability=probability)
    return found


def _origin(record: FrameGaze) -> tuple[float, float, float]:
    if record.origin is None:
        told = f"{record.source}, frame {record.frame}: the gaze has no origin"
        raise InputError(f"{told}; these zones need one: predict with the camera's calibration")
    return record.origin
