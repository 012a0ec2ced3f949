"""Losses of held-out samples, drawn alike at every validation."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from torch import nn

from .run import Loss
from .sampling import SampleSource, stack


def mean_losses(network: nn.Module, loss: Loss, source: SampleSource, batch: int) -> dict[str, float]:
    """Return the mean of each term of a loss over samples, as ``<term>_validation``.

    Each sample is drawn by its place, so that noise and timesteps are the same at every call.

    Args:
        network: in evaluation mode.
        loss: its terms are means over a batch.
        source: the samples.
        batch: of them at a time.
    """
    device, found = next(network.parameters()).device, defaultdict[str, list[float]](list)
    for start in range(0, len(source), batch):
        numbers = range(start, min(start + batch, len(source)))
        part = stack([source.sample(index, np.random.default_rng(index)) for index in numbers])
        for name, value in loss(network, {key: each.to(device) for key, each in part.items()}).items():
            found[name] += [float(value)] * len(numbers)
    return {f"{name}_validation": float(np.mean(values)) for name, values in found.items()}
