"""The authors' learning rate; another one is `visioncore.training.warmup_cosine`."""

from __future__ import annotations


def published_learning_rate(step: int, steps: int, highest: float, warmup: int = 250) -> float:
    """Return the authors' learning rate of a step counted from 0: linear up, then a polynomial of power 0.9 down.

    Args:
        step: counted from 0.
        steps: of the whole run.
        highest: the rate at the end of the warm-up.
        warmup: steps of warm-up; the polynomial takes as many steps as the whole run, so it does not reach zero.
    """
    if step <= warmup:
        return highest * max(1, step) / max(1, warmup)
    return highest * (1 - (step - 1 - warmup) / steps) ** 0.9
