"""The authors' learning rate, epoch by epoch; that by steps is `visioncore.training.warmup_cosine`."""

from __future__ import annotations

import math


def published_learning_rate(epoch: int, epochs: int, highest: float = 1e-4, lowest: float = 1e-6) -> float:
    """Return the authors' learning rate of an ``epoch`` counted from 1: three epochs up from zero, then a cosine."""
    warmup = 3
    if epoch <= warmup:
        return highest * (epoch - 1) / warmup
    # the cosine begins one epoch after the warm-up has ended
    progress = max(0, epoch - warmup - 2) / (epochs - warmup)
    return lowest + (highest - lowest) * (1 + math.cos(math.pi * progress)) / 2
