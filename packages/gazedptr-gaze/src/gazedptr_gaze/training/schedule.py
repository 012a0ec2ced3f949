"""The learning rate of the published training."""

from __future__ import annotations

from collections.abc import Callable

WARMUP, HALVED_AFTER = 5, 60
"""Epochs of the warm-up, and then until the rate is halved, and again."""


def epoch_rate(epoch: int, peak: float = 1e-3) -> float:
    """Return the learning rate of an epoch, counted from 1: linear warm-up, then half as much every so often.

    Args:
        epoch: counted from 1.
        peak: the highest rate, that of the last epoch of the warm-up.
    """
    if epoch <= WARMUP:
        return peak * epoch / WARMUP
    return peak * 0.5 ** ((epoch - WARMUP - 1) // HALVED_AFTER)


def published_schedule(samples: int, batch_size: int, peak: float) -> Callable[[int], float]:
    """Return the learning rate of a step, counted from 0: that of the epoch that its first sample is of.

    Args:
        samples: of an epoch; a batch may reach into the next one, so that all are full and no sample is left out.
        batch_size: samples of a step.
        peak: see `epoch_rate`.
    """
    return lambda step: epoch_rate(step * batch_size // samples + 1, peak)
