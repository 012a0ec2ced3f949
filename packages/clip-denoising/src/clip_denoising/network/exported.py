"""The network as it is exported: for any number of images of any size."""

from __future__ import annotations

import torch
from torch.export import Dim

from visioncore.commands.export import Exported, float32_copy

from .model import MULTIPLE, CLIPDenoiser


def exported(model: CLIPDenoiser) -> Exported:
    """Return the network and inputs to export, compared with the model at another size than it is traced with.

    In go images ``noisy`` (B, C, H, W), any number and of any size in multiples of 32; ``denoised`` comes out alike,
    not clamped. How to bring other sizes there: mirror at the right and at the bottom, and crop the result.
    """
    channels, generator = model.config.channels, torch.Generator().manual_seed(0)
    return Exported(
        float32_copy(model),
        {"noisy": torch.rand(1, channels, 5 * MULTIPLE, MULTIPLE, generator=generator)},
        traced=(torch.rand(2, channels, 2 * MULTIPLE, 3 * MULTIPLE, generator=generator),),
        dynamic_shapes=({0: Dim("batch"), 2: MULTIPLE * Dim("rows", min=1), 3: MULTIPLE * Dim("columns", min=1)},),
    )
