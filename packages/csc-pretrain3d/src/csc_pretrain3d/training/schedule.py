"""The learning rate, which changes from epoch to epoch and not inside one."""

from __future__ import annotations

import math
from collections.abc import Callable

from .config import TrainConfig


def published_schedule(config: TrainConfig) -> Callable[[int], float]:
    """Return the learning rate of a step, counted from 0.

    It falls along half a cosine that would reach ``loop.min_learning_rate`` after the last epoch, or is halved at the
    milestones where there are any. A warm-up, which nothing published has, comes before.
    """
    loop = config.loop
    epochs = max(1, math.ceil(loop.steps / config.epoch_steps))

    def learning_rate(step: int) -> float:
        epoch = step // config.epoch_steps
        if config.milestones:
            rate = loop.learning_rate * 0.5 ** sum(epoch >= milestone for milestone in config.milestones)
        else:
            share = (1 + math.cos(math.pi * epoch / epochs)) / 2
            rate = loop.min_learning_rate + (loop.learning_rate - loop.min_learning_rate) * share
        return rate * min(1.0, (step + 1) / max(1, loop.warmup_steps))

    return learning_rate
