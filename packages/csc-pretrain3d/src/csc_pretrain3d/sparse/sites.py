"""The sites of one level of a sparse tensor: which voxels are there, and how they are found again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from visioncore.errors import InputError

Triple = tuple[int, int, int]

KEY_RANGE = 2**63 - 1
"""Largest number of places that one int64 key can tell apart."""


class Index(NamedTuple):
    """Sites under one int64 key each, sorted, so that a voxel is found by bisection.

    Attributes:
        keys: the sorted keys (N,).
        order: the row of each sorted key (N,).
        lowest: the place (batch, c0, c1, c2) of key 0.
        extent: how many places the key tells apart along each of the four.
    """

    keys: Tensor
    order: Tensor
    lowest: tuple[int, ...]
    extent: tuple[int, ...]

    @property
    def factors(self) -> Triple:
        """By how much the key grows with one step along c0, c1 and c2; keys sort as rows do."""
        _, _, e1, e2 = self.extent
        return e1 * e2, e2, 1

    def pack(self, coordinates: Tensor) -> Tensor:
        """Return the keys (M,) of coordinates (M, 4) within the index's places."""
        f0, f1, f2 = self.factors
        weights = (self.extent[1] * f0, f0, f1, f2)
        columns = coordinates.long().unbind(1)
        shift = sum(low * factor for low, factor in zip(self.lowest, weights, strict=True))
        first, *others = (column * factor for column, factor in zip(columns, weights, strict=True))
        for other in others:
            first += other
        return first - shift

    def unpack(self, keys: Tensor) -> Tensor:
        """Return the coordinates (M, 4) of keys (M,)."""
        columns = []
        for low, extent in zip(self.lowest[:0:-1], self.extent[:0:-1], strict=True):
            columns.append(keys % extent + low)
            keys = keys.div(extent, rounding_mode="floor")
        columns.append(keys + self.lowest[0])
        return torch.stack(columns[::-1], dim=1)

    def find(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Return which of the keys (M,) are there, as indices (P,) into them, and their rows (P,)."""
        place = torch.searchsorted(self.keys, keys).clamp_(max=len(self.keys) - 1)
        found = (self.keys[place] == keys).nonzero().squeeze(1)
        return found, self.order[place[found]]


@dataclass(eq=False)
class Sites:
    """The voxels of one level.

    Attributes:
        coordinates: integers (N, 4): batch, c0, c1, c2.
        stride: how many voxels of the input one voxel here covers, along each axis. MinkowskiEngine's coordinates keep
            the input's unit, spconv's count in voxels of the level.
        shape: size of the grid, of spconv's dialect; None where space has no bounds.
        batch_size: how many samples; None to take it from the coordinates.
    """

    coordinates: Tensor
    stride: Triple = (1, 1, 1)
    shape: Triple | None = None
    batch_size: int | None = None
    _index: Index | None = field(default=None, init=False, repr=False)
    _margin: Triple = field(default=(0, 0, 0), init=False, repr=False)

    def __len__(self) -> int:
        return len(self.coordinates)

    def samples(self) -> int:
        """Return the number of samples."""
        if self.batch_size is None:
            self.batch_size = int(self.coordinates[:, 0].max()) + 1
        return self.batch_size

    def index(self, margin: Triple) -> Index:
        """Return the sites by key, with room for places up to ``margin`` beyond them on every side.

        Raises:
            InputError: if a voxel is there twice, or if the coordinates span more places than one key can tell apart.
        """
        if self._index is None or any(have < need for have, need in zip(self._margin, margin, strict=True)):
            self._margin = tuple(max(pair) for pair in zip(self._margin, margin, strict=True))  # type: ignore[assignment]
            self._index = build_index(self.coordinates, self._margin)
        return self._index


def build_index(coordinates: Tensor, margin: Sequence[int]) -> Index:
    """Return coordinates (N, 4) by key, see `Sites.index`."""
    if not len(coordinates):
        empty = coordinates.new_zeros(0, dtype=torch.long)
        return Index(empty, empty, (0, 0, 0, 0), (1, 1, 1, 1))
    low, high = (each.tolist() for each in coordinates.aminmax(dim=0))
    room = (0, *margin)
    lowest = tuple(a - m for a, m in zip(low, room, strict=True))
    extent = tuple(b - a + 1 + 2 * m for a, b, m in zip(low, high, room, strict=True))
    places = extent[0] * extent[1] * extent[2] * extent[3]
    if places > KEY_RANGE:
        raise InputError(
            f"coordinates span {' x '.join(map(str, extent))} places (batch, c0, c1, c2), more than the 2^63 that one "
            "key can tell apart; they should be voxels within some kilometres of each other"
        )
    unsorted = Index(coordinates, coordinates, lowest, extent)
    keys, order = unsorted.pack(coordinates).sort()
    again = (keys[1:] == keys[:-1]).nonzero()
    if len(again):
        row = coordinates[order[again[0, 0]]].tolist()
        raise InputError(
            f"{len(again)} rows of the coordinates repeat a voxel, such as {row}; each should be there once"
        )
    return Index(keys, order, lowest, extent)
