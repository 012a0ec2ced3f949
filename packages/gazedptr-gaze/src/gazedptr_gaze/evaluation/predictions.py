"""What a network predicts for a fold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import default_collate

from ..data.faces import FaceSamples, network_inputs
from ..network.config import Variant


@dataclass(frozen=True)
class Predictions:
    """Predictions for the samples of a fold, line by line.

    Attributes:
        gaze: (N, 2) yaw and pitch in radians, ``official``, in the frame of the normalised camera.
        zones: (3, N) fine zones by each zone head; (1, N) where only one is known; None without zones.
    """

    gaze: NDArray[np.float64]
    zones: NDArray[np.int64] | None = None


@torch.no_grad()
def predict_fold(
    network: nn.Module, samples: FaceSamples, variant: Variant, batch: int = 64, advance: Callable[[], None] = int
) -> Predictions:
    """Return what a network predicts.

    Args:
        network: in evaluation mode, on any device.
        samples: of one fold.
        variant: of the network.
        batch: samples at a time.
        advance: called after each sample.
    """
    device = next(network.parameters()).device
    gazes, zones = [], []
    for start in range(0, len(samples), batch):
        indices = range(start, min(start + batch, len(samples)))
        taken = default_collate([samples[index] for index in indices])
        out = network(**network_inputs({name: value.to(device) for name, value in taken.items()}, variant))
        gazes.append(out.gaze.double().cpu())
        if out.zone_logits is not None:
            zones.append(out.zone_logits.argmax(-1).cpu())
        for _ in indices:
            advance()
    return Predictions(torch.cat(gazes).numpy(), torch.cat(zones, dim=1).numpy() if zones else None)
