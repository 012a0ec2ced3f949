"""The learning rate as a function of the step."""

from __future__ import annotations

import math
from collections.abc import Callable

from .config import LoopConfig


def warmup_cosine(config: LoopConfig) -> Callable[[int], float]:
    """Return the learning rate of a step, counted from 0: linear warm-up, then half a cosine.

    Step ``s`` of ``w`` warm-up steps has ``learning_rate * (s + 1) / w``, so the last of them has the full rate. The
    cosine starts at the full rate in step ``w`` and would reach ``min_learning_rate`` in step ``steps``, the first one
    that is not run.
    """
    high, low = config.learning_rate, config.min_learning_rate
    warmup, decay = config.warmup_steps, max(1, config.steps - config.warmup_steps)

    def learning_rate(step: int) -> float:
        if step < warmup:
            return high * (step + 1) / warmup
        progress = min(1.0, (step - warmup) / decay)
        return low + (high - low) * (1 + math.cos(math.pi * progress)) / 2

    return learning_rate
