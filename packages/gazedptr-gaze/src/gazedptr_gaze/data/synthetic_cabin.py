"""A made-up cabin: where the zones of a left-hand-drive car lie around a driver, and where cameras look from.

Cabin coordinates have their origin at the driver's head: x to the driver's right, y down, z ahead, in mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ZONE_CENTRES", "ZONE_SIZES", "CabinCamera", "draw_camera", "draw_target"]

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class _Region:
    """A rectangle in the cabin, cut into a zone for each id, row by row."""

    zones: tuple[int, ...]
    centre: tuple[float, float, float]
    across: tuple[float, float, float]
    """From its left to its right edge."""
    down: tuple[float, float, float]
    """From its upper to its lower edge."""
    columns: int


def _ids(*spans: tuple[int, int]) -> tuple[int, ...]:
    return tuple(each for first, last in spans for each in range(first, last + 1))


_REGIONS = (
    _Region(_ids((74, 77), (105, 105)), (-720, 230, 620), (150, 0, 40), (0, 120, 0), 3),  # left-side mirror
    _Region(_ids((71, 73)), (360, -130, 560), (210, 0, -60), (0, 70, 0), 3),  # rear-view mirror
    _Region(_ids((69, 70), (103, 104)), (390, 330, 640), (230, 0, -30), (0, 160, 0), 2),  # central-control screen
    _Region((30, 66, 67, 68, 99), (1330, 240, 640), (160, 0, -40), (0, 120, 0), 3),  # right-side mirror
    _Region(_ids((106, 108)), (0, 430, 400), (320, 0, 0), (0, 120, 60), 3),  # steering wheel
    _Region((100, 101, 102, 109, 110, 117, 119, 120, 121), (370, 620, 330), (200, 0, 0), (0, 60, -380), 3),  # handbrake
    _Region(_ids((111, 114)), (0, 300, 680), (330, 0, 0), (0, 90, 0), 4),  # dashboard
    _Region(
        (*_ids((31, 38), (55, 59), (61, 63)), 65, 81, 82, 85), (-120, 20, 880), (760, 0, 0), (0, 340, 60), 5
    ),  # left-side windshield
    _Region(
        (*_ids((4, 9)), 12, 13, *_ids((16, 19), (89, 96))), (680, 20, 880), (800, 0, 0), (0, 340, 60), 5
    ),  # right-side windshield
    # elsewhere: the window beside the driver, the one beyond the passenger, the roof's edge, the passenger's side
    _Region((*_ids((39, 54)), 60, 64), (-720, 60, 250), (0, 0, 560), (0, 380, 0), 6),
    _Region((*_ids((0, 3)), 10, 11, 14, 15, *_ids((20, 23))), (1350, 60, 480), (0, 0, -420), (0, 380, 0), 4),
    _Region((*_ids((24, 29)), *_ids((78, 80)), 83, 84, 86), (250, -330, 640), (1300, 0, 0), (0, 90, 120), 6),
    _Region((87, 88, 97, 98, 115, 116, 118), (980, 420, 620), (500, 0, 0), (0, 240, -120), 4),
)


def _laid_out() -> tuple[Floats, Floats]:
    centres, sizes = np.full((122, 3), np.nan), np.full((122, 2, 3), np.nan)
    for region in _REGIONS:
        rows = -(-len(region.zones) // region.columns)
        across, down = np.array(region.across) / region.columns, np.array(region.down) / rows
        for place, zone in enumerate(region.zones):
            row, column = divmod(place, region.columns)
            centres[zone] = (
                np.array(region.centre) + (column - (region.columns - 1) / 2) * across + (row - (rows - 1) / 2) * down
            )
            sizes[zone] = across, down
    return centres, sizes


ZONE_CENTRES, ZONE_SIZES = _laid_out()
"""(122, 3): centres of the fine zones; (122, 2, 3): their edges, across and down. In mm."""


@dataclass(frozen=True)
class CabinCamera:
    """A camera in the cabin."""

    rotation: Floats
    """(3, 3): from the cabin's to the camera's frame (x right, y down, z forward)."""
    position: Floats
    """(3,): in the cabin's frame, in mm."""

    def see(self, points: Floats) -> Floats:
        """Return points (..., 3) of the cabin in the camera's frame."""
        seen: Floats = (points - self.position) @ self.rotation.T
        return seen

    def turn(self, rotation: Floats) -> Floats:
        """Return a rotation (3, 3) of a head, given for a head that looks ahead, as one of a head facing the camera.

        A head that looks ahead in the cabin looks along z there; one that faces the camera looks against its z.
        """
        ahead = np.diag([-1.0, 1.0, -1.0])
        turned: Floats = self.rotation @ rotation @ ahead
        return turned


# Under the rear-view mirror, where a driver-monitoring camera sits.
_CAMERA = np.array([260.0, 90.0, 640.0])


def draw_camera(rng: np.random.Generator, spread: float = 1.0) -> CabinCamera:
    """Draw a camera that looks at the driver's head.

    Args:
        rng: draws it.
        spread: of its place and direction; 0 for the usual camera.
    """
    position = _CAMERA + spread * rng.uniform([-300, -110, -110], [200, 130, 130])
    aim = spread * rng.uniform(-60, 60, 3)
    forward = aim - position
    forward /= np.linalg.norm(forward)
    roll = spread * rng.uniform(-0.12, 0.12)
    right = np.cross([np.sin(roll), np.cos(roll), 0.0], forward)
    right /= np.linalg.norm(right)
    return CabinCamera(np.stack([right, np.cross(forward, right), forward]), position)


def draw_target(rng: np.random.Generator, zone: int) -> Floats:
    """Draw a point (3,) of a fine zone, in the cabin's frame."""
    point: Floats = ZONE_CENTRES[zone] + rng.uniform(-0.5, 0.5, 2) @ ZONE_SIZES[zone]
    return point
