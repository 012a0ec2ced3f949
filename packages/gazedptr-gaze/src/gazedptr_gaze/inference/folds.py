"""Predictions for a fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import default_collate

from ..data.faces import FaceSamples, network_inputs
from ..network.config import GazeConfig


@dataclass(frozen=True)
class Predictions:
    """Predictions for the samples of a fold, line by line.

    Attributes:
        gaze: (N, 2) yaw and pitch in radians, ``official``, in the frame of the normalised camera.
        zones: (N,) fine zones by the name of the zone head, such as ``head 1``; empty without zones.
        counts: the name of the head that counts where there are several.
    """

    gaze: NDArray[np.float64]
    zones: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    counts: str = ""


@torch.no_grad()
def predict_fold(
    network: nn.Module,
    samples: FaceSamples,
    config: GazeConfig,
    batch: int = 64,
    advance: Callable[[], object] = int,
) -> Predictions:
    """Return the predictions of a network.

    Args:
        network: in evaluation mode, on any device.
        samples: of one fold.
        config: the network's settings.
        batch: samples at a time.
        advance: called after each sample.
    """
    device = next(network.parameters()).device
    gazes, zones = [], []
    for start in range(0, len(samples), batch):
        indices = range(start, min(start + batch, len(samples)))
        taken = default_collate([samples[index] for index in indices])
        inputs = network_inputs({name: value.to(device) for name, value in taken.items()}, config.variant)
        out = network(*inputs.values())
        gazes.append(out.gaze.double().cpu())
        if out.zone_logits is not None:
            zones.append(out.zone_logits.argmax(-1).cpu())
        for _ in indices:
            advance()
    gaze = torch.cat(gazes).numpy()
    if not zones:
        return Predictions(gaze)
    named = {f"head {head}": zone.numpy() for head, zone in enumerate(torch.cat(zones, dim=1), start=1)}
    return Predictions(gaze, named, f"head {config.zone_head}")
