"""A user's own cabin: zones as flat surfaces in the frame of the camera, from a YAML file.

    zones:
      mirror:
        rectangle: [[-60, -420, 250], [60, -420, 250], [60, -360, 250]]
      display:
        polygon: [[-200, 100, 100], [-80, 100, 100], [-80, 200, 120], [-200, 200, 120]]
      windshield:
        plane: {point: [0, 0, -500], normal: [0, 0, 1]}

Coordinates are millimetres: x to the right of the camera's image, y down, z away from the camera, towards the driver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from visioncore.configs import read_text, shown
from visioncore.errors import InputError
from visioncore.files import check_regular
from visioncore.recipes import parse_yaml
from visioncore.report import Table

from ..data.zones import COARSE_ZONES
from .surfaces import Surface

ELSEWHERE = COARSE_ZONES[0]
"""The zone of gazes that meet no other."""
SHAPES = ("polygon", "rectangle", "plane")


@dataclass(frozen=True)
class Cabin:
    """Zones as surfaces: a gaze belongs to the nearest one that it meets in front of the face, else elsewhere.

    Attributes:
        zones: surface of each zone by its name.
    """

    zones: Mapping[str, Surface]
    needs_origins = True

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the zones by their ids; 0 is elsewhere."""
        return (ELSEWHERE, *self.zones)

    def of(self, vectors: ArrayLike, origins: ArrayLike | None) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the ids of the zones that are looked at, (N,), and their probabilities, (N,), which are all 1.

        Args:
            vectors: (N, 3) unit vectors of gazes in the frame of the camera.
            origins: (N, 3) gaze origins in mm.

        Raises:
            InputError: if there are no origins.
        """
        if origins is None:
            raise InputError("a cabin's geometry needs gaze origins; predict with the camera's calibration")
        rays = np.asarray(vectors, dtype=np.float64).reshape(-1, 3)
        starts = np.asarray(origins, dtype=np.float64).reshape(-1, 3)
        distances = [np.full(len(rays), np.inf), *(zone.distances(rays, starts) for zone in self.zones.values())]
        # of nothing but misses, argmin takes the first: elsewhere
        return np.argmin(distances, axis=0), np.ones(len(rays))

    def table(self) -> Table:
        """Return the zones with their shape, area in cm2 and distance of their middle from the camera in mm."""
        table = Table(("zone", "corners", "area_cm2", "distance_mm"))
        for name, surface in self.zones.items():
            corners = None if surface.corners is None else len(surface.corners)
            area = None if surface.corners is None else surface.area() / 100
            table.add(name, corners, area, float(np.linalg.norm(surface.point)))
        return table


def read_cabin(path: str | Path) -> Cabin:
    """Return the cabin of a YAML file, see the head of this module.

    Raises:
        InputError: if it cannot be read, has no zones, one of them twice, or one that is no surface; with its line.
    """
    path = Path(path)
    check_regular(path)
    text = read_text(path)
    values = parse_yaml(str(path), text)
    given = values.get("zones") if isinstance(values, dict) else None
    if not isinstance(values, dict) or set(values) != {"zones"} or not isinstance(given, dict) or not given:
        raise InputError(f"{path}: no cabin; it should be zones: with a surface under each name")
    zones = {}
    for line, (name, value) in zip(_lines(text), given.items(), strict=False):
        try:
            zones[_name(name)] = _surface(value)
        except InputError as error:
            raise InputError(f"{path}, line {line}: zone {shown(name)}: {error}") from error
    return Cabin(zones)


def _lines(text: str) -> list[int]:
    """Return the lines of the zones' names."""
    root: Any = yaml.compose(text, yaml.SafeLoader)
    (zones,) = (value for key, value in root.value if key.value == "zones")
    return [key.start_mark.line + 1 for key, _ in zones.value]


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise InputError("a name is text, in quotes if it looks like a number")
    if name == ELSEWHERE:
        raise InputError("is what meets no zone; give the zone another name")
    return name


def _surface(value: Any) -> Surface:
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in SHAPES:
        raise InputError(f"{shown(value)}; it should be one of {', '.join(SHAPES)}, with its points")
    ((shape, points),) = value.items()
    if shape == "plane":
        if not isinstance(points, dict) or set(points) != {"point", "normal"}:
            raise InputError(f"{shown(points)}; a plane is {{point: [x, y, z], normal: [x, y, z]}}")
        return Surface.plane(_point("point", points["point"]), _point("normal", points["normal"]))
    if not isinstance(points, list):
        raise InputError(f"{shown(points)}; a {shape} is a list of corners [x, y, z]")
    corners = [_point(f"corner {i}", point) for i, point in enumerate(points, start=1)]
    return Surface.polygon(corners) if shape == "polygon" else Surface.rectangle(corners)


def _point(what: str, value: Any) -> list[float]:
    numbers = value if isinstance(value, list) else []
    if len(numbers) != 3 or not all(_is_number(number) for number in numbers):
        raise InputError(f"{what} is {shown(value)}; it should be [x, y, z] in mm")
    return [float(number) for number in numbers]


def _is_number(value: Any) -> bool:
    # far beyond any car, but small enough for all arithmetic
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9
