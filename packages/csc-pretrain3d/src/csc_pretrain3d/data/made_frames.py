"""Made-up frames as a data set: made when first asked for, then kept."""

from __future__ import annotations

from collections.abc import Sequence

from .classes import NUSCENES
from .frame import Frame
from .synthetic import SMALL, SensorConfig, synthetic_frame


class MadeFrames:
    """One frame of each of several made-up streets.

    Args:
        seeds: of the scenes.
        sensors: the LiDAR and the cameras.
        cameras: whether there are images.
    """

    classes = NUSCENES

    def __init__(self, seeds: Sequence[int], sensors: SensorConfig = SMALL, *, cameras: bool = True) -> None:
        self.seeds, self.sensors, self.cameras = tuple(seeds), sensors, cameras
        self._made: dict[int, Frame] = {}

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, index: int) -> Frame:
        seed = self.seeds[index]
        if seed not in self._made:
            self._made[seed] = synthetic_frame(seed, sensors=self.sensors, cameras=self.cameras)
        return self._made[seed]

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each frame."""
        return tuple(f"street-{seed}" for seed in self.seeds)

    @property
    def scenes(self) -> tuple[str, ...]:
        """The scene of each frame."""
        return tuple(f"street {seed}" for seed in self.seeds)
