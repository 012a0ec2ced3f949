"""SED, the string edit distance: how many fixations to change, put in or leave out to get another scanpath."""

from __future__ import annotations

import numpy as np

from ..network.scanpaths import Floats, Frame, Integers, Scanpaths

GRID = 5
"""Cells across and down a frame."""


def cells(scanpaths: Scanpaths, frame: Frame) -> Integers:
    """Return the cell (M, L) of each fixation.

    Where a side is no multiple of 5, as 512 and 384 are not, its last pixels count as a sixth column, whose cells are
    those that begin the next row: as in the published numbers, which would not compare otherwise.
    """
    x, y = (scanpaths.fixations[..., axis].astype(np.int64) for axis in range(2))
    return x // (frame.width // GRID) + GRID * (y // (frame.height // GRID))


def string_edit_distance(first: Scanpaths, second: Scanpaths, frame: Frame) -> Floats:
    """Return the distances (M,) of pairs of scanpaths: 0 for equal ones, at most the length of the longer one.

    Args:
        first: M scanpaths in pixels of the frame.
        second: their M partners.
        frame: its size.
    """
    a, b = cells(first, frame), cells(second, frame)
    places = np.arange(b.shape[1] + 1)
    row = np.broadcast_to(places, (len(a), len(places))).copy()
    out = second.lengths.astype(np.float64)
    for number, symbol in enumerate(a.T, start=1):
        best = np.minimum(row[:, 1:] + 1, row[:, :-1] + (symbol[:, None] != b))
        best = np.concatenate([np.full((len(a), 1), number), best], axis=1)
        # putting in costs one a place: a running minimum of what remains beside that
        row = np.minimum.accumulate(best - places, axis=1) + places
        ends = first.lengths == number
        out[ends] = row[ends, second.lengths[ends]]
    return out
