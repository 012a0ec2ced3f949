"""Smoothing from slice to slice: each slice's probabilities become a Gaussian mean of those around it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

REACH = 3
"""Slices farther away than so many standard deviations do not count."""


def smoothed(batches: Iterator[Tensor], sigma: float) -> Iterator[Tensor]:
    """Yield maps (B, K, S, S), each the Gaussian mean of those of neighbouring slices, in order and one for each.

    No more is held than the slices that are still needed. At both ends the mean is of the slices that there are.

    Args:
        batches: maps (B, K, S, S), slice after slice.
        sigma: standard deviation of the Gaussian, in slices.
    """
    reach = max(1, math.ceil(REACH * sigma))
    held, first, done = torch.empty(0), 0, 0  # maps of the slices from `first` on; so many are yielded

    def means(stop: int) -> Tensor:
        centres, places = torch.arange(done, stop), torch.arange(first, first + len(held))
        distances = centres[:, None] - places
        weights = torch.exp(-0.5 * (distances / sigma) ** 2) * (distances.abs() <= reach)
        weights = (weights / weights.sum(dim=1, keepdim=True)).to(held)
        return (weights @ held.flatten(1)).unflatten(1, held.shape[1:])

    for batch in batches:
        held = torch.cat([held, batch]) if len(held) else batch
        ready = first + len(held) - reach
        if ready > done:
            yield means(ready)
            done = ready
            # of what is let go, no view may keep the memory
            held, first = held[max(0, done - reach - first) :].clone(), max(first, done - reach)
    if len(held):
        yield means(first + len(held))
