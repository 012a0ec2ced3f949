"""Ranking: does a prediction for an observer match this observer's scanpath better than those of the others?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..network.scanpaths import Floats, Integers


@dataclass(frozen=True)
class Ranking:
    """How observers were found by their scanpaths.

    Attributes:
        recall: share of first ranks, of ranks up to 3, 5 and 10, in percent, by the number.
        mrr: mean of 1 / rank.
        median: rank in the middle, from 1.
        mean: mean rank, from 1.
    """

    recall: dict[int, float]
    mrr: float
    median: float
    mean: float

    @property
    def total(self) -> float:
        """R@1 + R@3 + R@5, in percent."""
        return self.recall[1] + self.recall[3] + self.recall[5]


def ranks(scores: Floats) -> Integers:
    """Return the rank from 0 of each row's own column in a matrix (..., n, n), by descending score.

    Of equal scores the last one comes first, as in the published numbers.

    Args:
        scores: similarity of the prediction for an observer (row) and the scanpath of an observer (column).
    """
    number = scores.shape[-1]
    own = np.diagonal(scores, axis1=-2, axis2=-1)[..., None]
    later = np.arange(number) > np.arange(number)[:, None]
    better: Integers = ((scores > own) | ((scores == own) & later)).sum(axis=-1)
    return better


def ranking(found: Iterable[Integers]) -> Ranking:
    """Return the ranking measures of ranks from 0, over all images and observers."""
    every = np.concatenate([np.ravel(each) for each in found])
    return Ranking(
        recall={most: 100 * float((every < most).mean()) for most in (1, 3, 5, 10)},
        mrr=float((1 / (every + 1)).mean()),
        median=float(np.floor(np.median(every)) + 1),
        mean=float(every.mean()) + 1,
    )


def chance(observers: int) -> Ranking:
    """Return the ranking measures of guessing among some observers."""
    return ranking([np.arange(observers)])
