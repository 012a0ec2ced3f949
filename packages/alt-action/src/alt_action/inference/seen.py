"""Which entities are where in a frame: a map of its patches, and the shares of its area."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..network.output import Regions, VideoOutput


@dataclass(frozen=True, eq=False)
class SeenFrame:
    """The entities of one frame.

    Attributes:
        number: of the frame in its video, from 0.
        time: seconds from which it is shown; None where that is not known.
        patches: (h, w), the entity of each patch of the crop that was looked at, as a place among the units; -1 where
            there is no corpus.
        regions: (h, w), the region of each patch, numbered from 1; 0 for the rare patch that none holds.
        units: names of all entities; none where they have none.
    """

    number: int
    time: float | None
    patches: NDArray[np.int16]
    regions: NDArray[np.int16]
    units: tuple[str, ...]

    @property
    def shares(self) -> dict[str, float]:
        """Entity -> its share of the area, above 0, the largest first; they add up to 1 where there is a corpus."""
        places, counts = np.unique(self.patches[self.patches >= 0], return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return {unit_name(self.units, int(places[i])): float(counts[i] / self.patches.size) for i in order}

    def plain(self, most: int) -> dict[str, object]:
        """Return the frame as JSON has it, with its largest entities."""
        return {"frame": self.number, "time": self.time, "entities": plain_shares(self.shares, most)}


def unit_name(units: Sequence[str], place: int) -> str:
    """Return the name of an entity by its place; one without a name is called by its number."""
    return units[place] if units else f"entity {place}"


def unit_place(units: Sequence[str], name: str) -> int:
    """Return the place of an entity by its name, as `unit_name` gives it."""
    return units.index(name) if units else int(name.rpartition(" ")[2])


def plain_shares(shares: dict[str, float], most: int) -> list[dict[str, object]]:
    """Return the largest shares as JSON has them."""
    return [{"unit": unit, "share": round(share, 6)} for unit, share in list(shares.items())[:most]]


def mean_shares(frames: Iterable[SeenFrame]) -> dict[str, float]:
    """Return entity -> its mean share of the area over frames, the largest first."""
    total, count = Counter[str](), 0
    for frame in frames:
        total.update(frame.shares)
        count += 1
    return {unit: share / count for unit, share in total.most_common()}


def seen_frames(
    numbers: Sequence[int], times: NDArray[np.float64], regions: Regions, output: VideoOutput, units: tuple[str, ...]
) -> list[SeenFrame]:
    """Return the entities of the frames of one video.

    Args:
        numbers: of the frames (T).
        times: of all frames of the video; NaN where they are not known.
        regions: of the frames (1, T).
        output: of the video, as the network returned it.
        units: names of the entities; none if they have none.
    """
    source, entity = regions.source[0, :, 1:].cpu().numpy(), output.entity[0].cpu().numpy()
    side = round(source.shape[1] ** 0.5)
    found = []
    for number, region, entities in zip(numbers, source, entity, strict=True):
        patches = np.where(region > 0, entities[np.maximum(region, 1) - 1], -1)
        named, numbered = (values.reshape(side, side).astype(np.int16) for values in (patches, region))
        time = float(times[number])
        found.append(SeenFrame(number, None if np.isnan(time) else time, named, numbered, units))
    return found
