"""Which entities are where in a frame: shares of its area, and a map of its patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..network.output import Regions, VideoOutput

NOBODY = "?"
"""Stands for a unit, where the network has no names of its entities."""


@dataclass(frozen=True, eq=False)
class SeenFrame:
    """The entities of one frame.

    Attributes:
        number: of the frame in its video, from 0.
        time: seconds from which it is shown; None where that is not known.
        shares: unit -> share of the area, 0 to 1, the largest first; they add up to 1.
        patches: (h, w), the entity of each patch of the crop that was looked at, as a place among the units; -1 where
            there is no corpus.
        regions: (h, w), the region of each patch, numbered from 1.
    """

    number: int
    time: float | None
    shares: dict[str, float]
    patches: NDArray[np.int32]
    regions: NDArray[np.int32]

    def plain(self, most: int) -> dict[str, object]:
        """Return the frame as JSON has it, with its largest entities."""
        shares = list(self.shares.items())[:most]
        return {
            "frame": self.number,
            "time": self.time,
            "entities": [{"unit": unit, "share": round(share, 6)} for unit, share in shares],
        }


def seen_frames(
    numbers: Sequence[int],
    times: NDArray[np.float64],
    regions: Regions,
    output: VideoOutput,
    units: Sequence[str],
) -> list[SeenFrame]:
    """Return the entities of the frames of one video.

    Args:
        numbers: of the frames (T).
        times: of all frames of the video; NaN where they are not known.
        regions: of the frames (1, T).
        output: of the video, as the network returned it.
        units: names of the entities; none if they have none.
    """
    source = regions.source[0, :, 1:].cpu().numpy()
    entity, mass = output.entity[0].cpu().numpy(), output.mass[0].float().cpu().numpy()
    side = round(source.shape[1] ** 0.5)
    found = []
    for place, number in enumerate(numbers):
        regions_of = source[place]
        patches = np.where(regions_of > 0, entity[place][np.maximum(regions_of, 1) - 1], -1)
        order = np.argsort(-mass[place], kind="stable")
        shares = {
            units[index] if units else f"{NOBODY}{index}": float(mass[place][index])
            for index in order.tolist()
            if mass[place][index] > 0
        }
        time = float(times[number])
        found.append(
            SeenFrame(
                number,
                None if np.isnan(time) else time,
                shares,
                patches.reshape(side, side).astype(np.int32),
                regions_of.reshape(side, side).astype(np.int32),
            )
        )
    return found
