"""The learning rate of the published RGB trainings; that of the CT one is `visioncore.training.warmup_cosine`."""

from __future__ import annotations

import math

HELD_SHARE = 92 / 300
"""Of the steps of a cyclic schedule, those of its first period."""


def cyclic_learning_rate(step: int, steps: int, highest: float, lowest: float) -> float:
    """Return the learning rate of a step counted from 0: one period at the highest rate, one of half a cosine down.

    The step at which the first period ends still belongs to it.

    Args:
        step: counted from 0.
        steps: of the whole run; of 300,000 the first period takes 92,000, as published.
        highest: the rate of the first period.
        lowest: the rate that the second would reach in step ``steps``, the first one that is not run.
    """
    held = round(HELD_SHARE * steps)
    if step <= held:
        return highest
    return lowest + (highest - lowest) * (1 + math.cos(math.pi * (step - held) / (steps - held))) / 2
