"""The learning rate as a function of the step."""

from __future__ import annotations

from collections.abc import Callable

from visioncore.training import warmup_cosine

from .config import TrainConfig


def schedule(config: TrainConfig) -> Callable[[int], float]:
    """Return the learning rate of a step, counted from 0: half a cosine, or a tenth from each milestone on."""
    if not config.milestones:
        return warmup_cosine(config.loop)
    return lambda step: config.loop.learning_rate * 0.1 ** sum(step >= milestone for milestone in config.milestones)
