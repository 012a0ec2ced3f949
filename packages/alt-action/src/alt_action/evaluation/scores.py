"""Top-1 and top-5: where the right label stands among the likeliest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def ranks(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the places (N,), from 0, of the right labels among all by their probabilities; of equal ones the first.

    Args:
        probabilities: (N, C), averaged over views; below 0 for a label that was not among the likeliest: it is last.
        labels: (N,), the right ones.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    places = (order == labels[:, None]).argmax(axis=1)
    return np.where(probabilities[np.arange(len(labels)), labels] < 0, probabilities.shape[1], places)


def top_k(rank: NDArray[np.int64], k: int) -> float:
    """Return the share of videos, in percent, whose right label is among the k likeliest."""
    return 100 * float((rank < k).mean())


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the population standard deviation over splits."""
    return float(np.mean(values)), float(np.std(values))
