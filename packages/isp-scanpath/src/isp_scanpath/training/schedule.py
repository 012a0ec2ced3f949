"""The authors' learning rate: up over an epoch, down to zero, and a smaller descent in the second phase."""

from __future__ import annotations

from collections.abc import Callable

from .config import TrainConfig


def published_schedule(config: TrainConfig) -> Callable[[int], float]:
    """Return the learning rate of a step, counted from 0; ``loop.warmup_steps`` should be those of an epoch."""
    loop, policy = config.loop, config.policy
    first = loop.steps if policy.first_step is None else policy.first_step

    def learning_rate(step: int) -> float:
        if step < min(loop.warmup_steps, first):
            return loop.learning_rate * (step + 1) / loop.warmup_steps
        if step < first:
            return loop.learning_rate * (first - step) / max(1, first - loop.warmup_steps)
        return policy.rate * loop.learning_rate * (loop.steps - step) / (loop.steps - first)

    return learning_rate
