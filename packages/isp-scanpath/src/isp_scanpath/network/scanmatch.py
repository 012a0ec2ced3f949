"""ScanMatch (Cristino et al. 2010): how well two scanpaths align, as strings of the bins that were looked at.

It is the reward of the policy gradient and the score that observers are ranked by, and so it is computed for many pairs
at once: the cells on an antidiagonal of the alignment depend on the two before it alone.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from .scanpaths import Floats, Frame, Integers, Scanpaths

COLUMNS, ROWS = 16, 12
"""Bins across and down a frame."""

BIN_MS = 50
"""With duration, each bin is repeated once for so many milliseconds."""

THRESHOLD = 3.5
"""Bins this far apart score 0; nearer ones more, up to this for the same bin."""

_NONE = ROWS * COLUMNS
_PAIRS_AT_A_TIME = 512


def bins(x: Floats, y: Floats, frame: Frame) -> Integers:
    """Return the bins of points in pixels, row after row; those outside count as on the border."""
    column, row = (
        np.where(values >= side, side - 1, np.maximum(values, 0)).astype(np.int64) * count // side
        for values, side, count in ((x, frame.width, COLUMNS), (y, frame.height, ROWS))
    )
    return row * COLUMNS + column


def strings(scanpaths: Scanpaths, frame: Frame, *, with_duration: bool) -> tuple[Integers, Integers]:
    """Return scanpaths as strings of bins (M, S), filled up with 192, and their lengths (M,).

    Args:
        scanpaths: in pixels of the frame.
        frame: its size.
        with_duration: repeat each bin by its duration, in whole milliseconds, over 50, rounded to even.
    """
    x, y, seconds = np.moveaxis(scanpaths.fixations, -1, 0)
    symbols = bins(x, y, frame)
    times = np.ones_like(symbols)
    if with_duration:
        times = np.rint((seconds * 1000).astype(np.int64) / BIN_MS).astype(np.int64)
    times = np.where(scanpaths.inside, np.maximum(times, 0), 0)
    lengths = times.sum(axis=1)
    out = np.full((len(scanpaths), int(lengths.max(initial=0))), _NONE)
    out[np.arange(out.shape[1]) < lengths[:, None]] = np.repeat(symbols.ravel(), times.ravel())
    return out, lengths


def substitution() -> Floats:
    """Return the score (192, 192) of putting one bin against another: 3.5 less their distance in bins."""
    row, column = np.divmod(np.arange(_NONE), COLUMNS)
    return THRESHOLD - np.hypot(row[:, None] - row, column[:, None] - column)


@cache
def _table() -> Floats:
    """Return `substitution` with a bin that stands for none, which never scores, so that its entries change nothing."""
    return np.pad(substitution(), ((0, 1), (0, 1)), constant_values=-np.inf)


def scanmatch(first: Scanpaths, second: Scanpaths, frame: Frame, *, with_duration: bool) -> Floats:
    """Return the ScanMatch (M,) of pairs of scanpaths, 1 for equal ones.

    Two strings without any symbol are equal; one of them scores 0 with any other.

    Args:
        first: M scanpaths in pixels of the frame.
        second: their M partners.
        frame: its size.
        with_duration: see `strings`.
    """
    a, a_lengths = strings(first, frame, with_duration=with_duration)
    b, b_lengths = strings(second, frame, with_duration=with_duration)
    out = np.empty(len(a))
    # pairs of like length together, so that little is filled up
    order = np.argsort(a_lengths + b_lengths)
    for start in range(0, len(a), _PAIRS_AT_A_TIME):
        part = order[start : start + _PAIRS_AT_A_TIME]
        out[part] = _align(a[part, : a_lengths[part].max()], b[part, : b_lengths[part].max()])
    longest = np.maximum(a_lengths, b_lengths)
    return np.where(longest == 0, 1.0, out / (THRESHOLD * np.maximum(longest, 1)))


def _align(a: Integers, b: Integers) -> Floats:
    """Return the scores (M,) of the best global alignments of strings (M, n) and (M, m), gaps for nothing."""
    flat, width = _table().ravel(), _NONE + 1
    n, m = a.shape[1], b.shape[1]
    # pairs in the last axis, where NumPy is fastest; cells of an antidiagonal meet in a slice of each string
    rows, columns = np.ascontiguousarray(a.T) * width, np.ascontiguousarray(b.T[::-1])
    last, before = np.zeros((2, n + 1, len(a)))
    for place in range(n + m - 1):
        first, end = max(0, place - m + 1), min(n, place + 1)
        shift = m - 1 - place
        best = flat.take(rows[first:end] + columns[first + shift : end + shift])
        best += before[first:end]
        np.maximum(best, last[first:end], out=best)
        np.maximum(best, last[first + 1 : end + 1], out=before[first + 1 : end + 1])
        last, before = before, last
    return last[n]
