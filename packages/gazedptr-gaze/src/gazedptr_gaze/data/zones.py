"""The zones of the car: fine ones, 0 to 121, and the coarse ones that they belong to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

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
    """Return the coarse zone of each fine one, (122,), of a data set's own ``class.label``.

    Its lines are: fine id, collection code, coarse id, separated by spaces.

    Raises:
        InputError: if the file cannot be read, a line is another, or a fine zone is missing or there twice.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    coarse = np.full(FINE_ZONES, -1, dtype=np.int64)
    for number, line in enumerate(lines, start=1):
        if not (parts := line.split()):
            continue
        if len(parts) != 3 or not (parts[0].isdecimal() and parts[2].isdecimal()):
            raise InputError(f"{path}, line {number}: {line.strip()!r}; it should be a fine id, a code and a coarse id")
        fine, zone = int(parts[0]), int(parts[2])
        if fine >= FINE_ZONES or zone >= len(COARSE_ZONES):
            raise InputError(f"{path}, line {number}: zones {fine} and {zone}; they go to 121 and to 9")
        if coarse[fine] >= 0:
            raise InputError(f"{path}, line {number}: zone {fine} is there twice")
        coarse[fine] = zone
    if (coarse < 0).any():
        raise InputError(f"{path}: zone {int((coarse < 0).argmax())} is missing; there should be 122 lines")
    return coarse
