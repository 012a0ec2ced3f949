"""MultiMatch (Jarodzka et al. 2010): five similarities of two scanpaths whose saccades are brought into line."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from ..network.scanpaths import Floats, Frame, Integers, Scanpaths

PARTS = ("vector", "direction", "length", "position", "duration")
"""The five similarities; MultiMatch is their mean."""

_LEFT, _UP = 0, 1
"""Where the path came from; 2 is both at once."""


def multimatch(first: Scanpaths, second: Scanpaths, frame: Frame) -> Floats:
    """Return the five similarities (M, 5) of pairs of scanpaths, 1 for equal ones; nothing is simplified before.

    Saccades are aligned by the cheapest path through the lengths of their vectors' differences; each similarity is 1
    less the median along it. The last fixation's duration counts nowhere. Pairs in which a scanpath has fewer than
    three fixations, and durations that are all zero, give NaN.

    Args:
        first: M scanpaths in pixels of the frame.
        second: their M partners.
        frame: its size.
    """
    shortest = np.minimum(first.lengths, second.lengths)
    out = np.full((len(first), len(PARTS)), np.nan)
    there = np.flatnonzero(shortest >= 3)
    if len(there):
        out[there] = _aligned(first[there], second[there], float(np.hypot(*frame)))
    return out


def _aligned(first: Scanpaths, second: Scanpaths, diagonal: float) -> Floats:
    (a, b), (n, m) = (s.fixations for s in (first, second)), (s.lengths - 1 for s in (first, second))
    u, v = (np.diff(path[..., :2], axis=1) for path in (a, b))
    cost = np.linalg.norm(u[:, :, None] - v[:, None], axis=-1)
    i, j, on_path = _cheapest_paths(cost, n, m)
    pair = np.arange(len(a))[:, None]
    u, v, start, other = u[pair, i], v[pair, j], a[pair, i], b[pair, j]
    turn = np.abs(np.arctan2(u[..., 1], u[..., 0]) - np.arctan2(v[..., 1], v[..., 0]))
    longest = np.maximum(start[..., 2], other[..., 2])
    with np.errstate(divide="ignore", invalid="ignore"):
        duration = np.abs(start[..., 2] - other[..., 2]) / longest
    differences = (
        np.linalg.norm(u - v, axis=-1) / (2 * diagonal),
        np.minimum(turn, 2 * np.pi - turn) / np.pi,
        np.abs(np.linalg.norm(u, axis=-1) - np.linalg.norm(v, axis=-1)) / diagonal,
        np.linalg.norm(start[..., :2] - other[..., :2], axis=-1) / diagonal,
        duration,
    )
    return np.stack([1 - _median(difference, on_path) for difference in differences], axis=-1)


def _cheapest_paths(cost: Floats, n: Integers, m: Integers) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """Return the cells on the cheapest path from the first to the last pair of saccades.

    Args:
        cost: of entering a cell (M, N, N').
        n: saccades of the first scanpaths (M,).
        m: of the second ones.

    Returns:
        Rows, columns (M, N + N' - 1), from the end, and which of these entries count.
    """
    total = np.full((len(cost), cost.shape[1] + 1, cost.shape[2] + 1), np.inf)
    came = np.zeros(cost.shape, np.int64)
    total[:, 0, 0] = 0
    for i in range(cost.shape[1]):
        for j in range(cost.shape[2]):
            before = np.stack([total[:, i + 1, j], total[:, i, j + 1], total[:, i, j]])
            came[:, i, j] = before.argmin(axis=0)
            total[:, i + 1, j + 1] = before.min(axis=0) + cost[:, i, j]
    pair, row, column = np.arange(len(cost)), n - 1, m - 1
    rows, columns, counts = [], [], []
    inside = np.ones(len(cost), bool)
    for _ in range(cost.shape[1] + cost.shape[2] - 1):
        rows.append(row)
        columns.append(column)
        counts.append(inside)
        step = came[pair, row, column]
        inside = inside & ((row > 0) | (column > 0))
        row = np.where(inside & (step != _LEFT), row - 1, row)
        column = np.where(inside & (step != _UP), column - 1, column)
    return np.stack(rows, axis=1), np.stack(columns, axis=1), np.stack(counts, axis=1)


def _median(values: Floats, counts: NDArray[np.bool_]) -> Floats:
    """Return the median (M,) of the entries of each row that count, NaN where one of these is."""
    unknown = (np.isnan(values) & counts).any(axis=1)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        middle = np.nanmedian(np.where(counts, values, np.nan), axis=1)
    return np.where(unknown, np.nan, middle)
