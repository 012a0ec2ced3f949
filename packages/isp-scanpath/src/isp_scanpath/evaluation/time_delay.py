"""STDE, the scaled time-delay embedding: how near each stretch of a scanpath comes to some stretch of another one."""

from __future__ import annotations

import numpy as np

from ..network.scanpaths import Floats, Frame, Scanpaths


def time_delay_similarity(predicted: Scanpaths, reference: Scanpaths, frame: Frame) -> Floats:
    """Return the similarities (M,) of pairs of scanpaths, 1 for equal ones; not the same the other way round.

    Args:
        predicted: M scanpaths in pixels of the frame.
        reference: what they are measured against.
        frame: its size.
    """
    with np.errstate(invalid="ignore"):
        each = similarities(predicted, reference, frame)
    shortest = np.minimum(predicted.lengths, reference.lengths)
    counts = np.arange(each.shape[1]) < shortest[:, None]
    return np.where(counts, each, 0).sum(axis=1) / np.where(shortest > 0, shortest, np.nan)


def similarities(predicted: Scanpaths, reference: Scanpaths, frame: Frame) -> Floats:
    """Return the similarities (M, K) of stretches of 1, 2, ... fixations; NaN beyond the shorter scanpath.

    For each stretch of a prediction the nearest one of the reference counts, by its mean distance over the longer side
    of the frame.
    """
    a, b = (paths.fixations[..., :2] / max(frame) for paths in (predicted, reference))
    distance = np.linalg.norm(a[:, :, None] - b[:, None], axis=-1)
    distance = np.where(reference.inside[:, None], distance, np.inf)
    sums, out = np.zeros_like(distance), []
    for length in range(1, min(a.shape[1], b.shape[1]) + 1):
        last = slice(length - 1, None)
        sums = (sums if length == 1 else sums[:, :-1, :-1]) + distance[:, last, last]
        nearest = sums.min(axis=2) / length
        counts = predicted.inside[:, last]
        number = counts.sum(axis=1)
        mean = np.where(counts, nearest, 0).sum(axis=1) / np.where(number > 0, number, np.nan)
        out.append(np.exp(-mean))
    return np.stack(out, axis=1) if out else np.empty((len(a), 0))
