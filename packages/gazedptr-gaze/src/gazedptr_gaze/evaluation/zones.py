"""How often the right zone is named, fine and coarse."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data.zones import COARSE_ZONES, coarse_of_fine


def fine_accuracy(zone: ArrayLike, reference: ArrayLike) -> float:
    """Return the share of samples (N,) whose fine zone is right."""
    return float((np.asarray(zone) == np.asarray(reference)).mean())


def official_tester_ap(zone: ArrayLike, reference: ArrayLike) -> float:
    """Return the zone AP that the authors' tester prints.

    Zones that are never hit are left out of its denominator, so that it is too high: for comparison with its logs only.
    """
    zone, reference = np.asarray(zone), np.asarray(reference)
    right = zone == reference
    counted = np.isin(reference, reference[right])
    return float(right.sum() / counted.sum()) if counted.any() else 0.0


def confusion(zone: ArrayLike, reference: ArrayLike, coarse: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Return how many samples of each coarse zone (rows) were taken for which (columns), (10, 10).

    Args:
        zone: (N,) predicted fine zones.
        reference: (N,) true ones.
        coarse: coarse zone of each fine one; None for the published map.
    """
    coarse = coarse_of_fine() if coarse is None else coarse
    counts = np.zeros((len(COARSE_ZONES), len(COARSE_ZONES)), dtype=np.int64)
    np.add.at(counts, (coarse[np.asarray(reference)], coarse[np.asarray(zone)]), 1)
    return counts


def coarse_accuracy(counts: NDArray[np.int64], *, with_elsewhere: bool = False) -> float:
    """Return the share of samples whose coarse zone is right, NaN if there are none.

    Args:
        counts: (10, 10) from `confusion`.
        with_elsewhere: count samples that look elsewhere (zone 0) as well; the paper's number leaves them out.
    """
    counts = counts if with_elsewhere else counts[1:]
    right = np.diagonal(counts, 0 if with_elsewhere else 1).sum()
    return float(right / counts.sum()) if counts.sum() else float("nan")


def recalls(counts: NDArray[np.int64]) -> dict[str, float]:
    """Return the share of samples of each coarse zone that were recognised, by its name; zones without any are out."""
    totals = counts.sum(axis=1)
    return {name: float(counts[i, i] / totals[i]) for i, name in enumerate(COARSE_ZONES) if totals[i]}
