"""The zones of the car: fine ones, in IVGaze 0 to 121, and the coarse ones that they belong to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.configs import shown
from visioncore.errors import InputError

from .texts import read_utf8

COARSE_ZONES = (
    "elsewhere",
    "left-side mirror",
    "rear-view mirror",
    "central-control screen",
    "right-side mirror",
    "steering wheel",
    "handbrake",
    "dashboard",
    "left-side windshield",
    "right-side windshield",
)
"""Names of the coarse zones, 0 to 9; the car is left-hand drive."""

FINE_ZONES = 122
"""Of IVGaze, and of the published networks."""
ZONE_MAP = "class.label"
MOST_DIGITS = 9
"""Of an id."""

_FINE_OF_COARSE = {
    1: "74-77 105",
    2: "71-73",
    3: "69 70 103 104",
    4: "30 66-68 99",
    5: "106-108",
    6: "100-102 109 110 117 119-121",
    7: "111-114",
    8: "31-38 55-59 61-63 65 81 82 85",
    9: "4-9 12 13 16-19 89-96",
}


def coarse_of_fine() -> NDArray[np.int64]:
    """Return the coarse zone of each fine one, (122,)."""
    coarse = np.zeros(FINE_ZONES, dtype=np.int64)
    for zone, text in _FINE_OF_COARSE.items():
        for part in text.split():
            first, _, last = part.partition("-")
            coarse[int(first) : int(last or first) + 1] = zone
    return coarse


def read_zone_map(path: str | Path) -> NDArray[np.int64]:
    """Return the coarse zone of each fine one, (Z,), of a data set's own ``class.label``.

    Its lines are: fine id, collection code, coarse id, separated by spaces; a line for each fine zone from 0 on.

    Raises:
        InputError: if the file cannot be read, a line is another, or a fine zone is missing or there twice.
    """
    lines = read_utf8(Path(path)).splitlines()
    coarse: dict[int, int] = {}
    for number, line in enumerate(lines, start=1):
        if not (parts := line.split()):
            continue
        if len(parts) != 3 or not all(part.isdecimal() and len(part) <= MOST_DIGITS for part in (parts[0], parts[2])):
            told = f"{path}, line {number}: {shown(line.strip())}"
            raise InputError(f"{told}; it should be a fine id, a code and a coarse id")
        fine, zone = int(parts[0]), int(parts[2])
        if zone >= len(COARSE_ZONES):
            raise InputError(f"{path}, line {number}: coarse zone {zone}; they go to {len(COARSE_ZONES) - 1}")
        if fine in coarse:
            raise InputError(f"{path}, line {number}: zone {fine} is there twice")
        coarse[fine] = zone
    if not coarse:
        raise InputError(f"{path}: no zones; there should be a line for each, with a fine id, a code and a coarse id")
    if missing := [fine for fine in range(len(coarse)) if fine not in coarse]:
        raise InputError(
            f"{path}: zone {missing[0]} is missing; there should be a line for each from 0 to {max(coarse)}"
        )
    return np.array([coarse[fine] for fine in range(len(coarse))], dtype=np.int64)


def zone_map(folder: str | Path, zones: int | None = None) -> NDArray[np.int64] | None:
    """Return the coarse zone of each fine one, (Z,): of a data set's ``class.label``, else IVGaze's; None if unknown.

    Args:
        folder: of the data set.
        zones: how many fine ones a network has; None if that does not matter.

    Raises:
        InputError: as `read_zone_map`, or if the network has another number of zones than ``class.label``.
    """
    path = Path(folder) / ZONE_MAP
    if not path.is_file():
        return coarse_of_fine() if zones in (None, FINE_ZONES) else None
    coarse = read_zone_map(path)
    if zones not in (None, len(coarse)):
        raise InputError(f"{path}: {len(coarse)} fine zones, but the network has {zones}; it needs a line for each")
    return coarse
