"""Groups of observers by their vectors: into which one does each fall, for all that the others tell?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from visioncore.errors import InputError

from ..network.scanpaths import Floats


def plane(vectors: Floats) -> tuple[Floats, Floats]:
    """Return places (n, 2) of vectors (n, E) in the plane of their two principal axes, and its share of the variance.

    One of the axes is zero where there are fewer than three observers; each sign is such that the largest entry of its
    axis is positive.
    """
    centred = vectors - vectors.mean(axis=0)
    left, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    places, shares = left * sizes * signs, sizes**2 / max(float((sizes**2).sum()), 1e-12)
    missing = max(0, 2 - len(sizes))
    return np.pad(places, ((0, 0), (0, missing)))[:, :2], np.pad(shares, (0, missing))[:2]


def are_groups(groups: Sequence[str]) -> bool:
    """Return whether observers can be put into groups by the others: two at least, of two observers each."""
    sizes = Counter(groups)
    return len(sizes) > 1 and min(sizes.values()) > 1


def leave_one_out(vectors: Floats, groups: Sequence[str]) -> tuple[str, ...]:
    """Return the group that each observer is put into by a linear classifier, which is fitted to all others.

    It is ridge regression of the groups on standardised vectors, with as much weight on the penalty as on the data.

    Args:
        vectors: of the observers (n, E).
        groups: of each.

    Raises:
        InputError: unless there are two groups at least, of two observers each.
    """
    if not are_groups(groups):
        told = ", ".join(f"{number} {name or 'in none'}" for name, number in Counter(groups).items())
        raise InputError(f"observers by group: {told}; it takes two groups at least, of two observers each")
    names = sorted(set(groups))
    members = np.array([[group == name for name in names] for group in groups], np.float64)
    found = []
    for place in range(len(vectors)):
        others = np.arange(len(vectors)) != place
        mean, spread = vectors[others].mean(axis=0), vectors[others].std(axis=0)
        scaled = (vectors - mean) / np.where(spread > 0, spread, 1)
        alike = scaled @ scaled[others].T / vectors.shape[1]
        wanted = members[others] - members[others].mean(axis=0)
        scores = alike[place] @ np.linalg.solve(alike[others] + np.eye(others.sum()), wanted)
        found.append(names[int(scores.argmax())])
    return tuple(found)


def balanced_accuracy(found: Sequence[str], groups: Sequence[str]) -> float:
    """Return the mean over groups of the share of their observers that were put into them."""
    right = np.array([one == other for one, other in zip(found, groups, strict=True)])
    return float(np.mean([right[[group == name for group in groups]].mean() for name in set(groups)]))
