"""The network as it is exported: clips of a fixed number of frames -> vectors, for any number of clips."""

from __future__ import annotations

import torch
from torch.export import Dim

from visioncore.commands.export import Exported, float32_copy

from .example import example_inputs
from .model import ALT


def exported(model: ALT) -> Exported:
    """Return the network and inputs to export, in float32.

    In go ``frames`` (B, T, 3, S, S), normalised, T the frames of the configuration; out come ``video`` (B, D) of length
    1, whose cosines with the vectors of any labels are scores.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        frames = example_inputs(model.config)["frames"]
    # Not one clip: that would be taken for the only number there can be.
    frames = torch.cat([frames, frames.flip(-1)])
    return Exported(float32_copy(model), {"frames": frames}, dynamic_shapes=({0: Dim("batch", min=1)},))
