"""Controls that a network has to beat: scanpaths without image and observer, and its own for other observers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..data.samples import by_image
from ..data.trials import ScanpathData, Trial
from ..network.scanpaths import Frame, Scanpaths
from .protocols import Predict


def centre_bias(data: ScanpathData, frame: Frame) -> Predict:
    """Return a sampler of scanpaths by how people look at any image.

    How many fixations there are, where each lies and how long it lasts come from the training split, each by itself.

    Args:
        data: the data set.
        frame: that scanpaths are returned in.

    Raises:
        InputError: if there is no training split.
    """
    seen = data.scaled(data.part("train"), frame)
    fixations = seen.fixations[seen.inside]

    def predict(trials: Sequence[Trial], seed: int) -> Scanpaths:
        rng = np.random.default_rng(seed)
        lengths = rng.choice(seen.lengths, len(trials))
        number = int(lengths.sum())
        places, seconds = (fixations[rng.integers(len(fixations), size=number)] for _ in range(2))
        drawn = np.column_stack([places[:, :2], seconds[:, 2]])
        return Scanpaths.of(np.split(drawn, np.cumsum(lengths)[:-1]))

    return predict


def as_others(trials: Sequence[Trial], observers: int) -> list[Trial]:
    """Return trials of which each is said to be another observer's; whose, is drawn anew for each image.

    Args:
        trials: those of an image standing together.
        observers: how many there are, at least two.
    """
    rng, found = np.random.default_rng(0), []
    for group in by_image(trials):
        order = rng.permutation(observers)
        other = dict(zip(order.tolist(), np.roll(order, 1).tolist(), strict=True))
        found += [replace(trial, observer=other[trial.observer]) for trial in group]
    return found
