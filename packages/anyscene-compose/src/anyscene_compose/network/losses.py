"""How much the places of an image count in training: the foreground is pasted back anyway, so little."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

INSIDE = 0.1
"""Weight of a place inside the mask, where one outside has 1."""


def place_weights(alpha: Tensor, height: int, width: int) -> Tensor:
    """Return weights (B, 1, h, w) for `visioncore.diffusion.losses.denoising_loss`: 1 outside the mask, 0.1 inside.

    Args:
        alpha: (B, 1, H, W) of the composite, in [0, 1]; a place that is covered in part lies between.
        height: h of the latents.
        width: w of the latents.
    """
    cover = functional.interpolate(alpha.float(), (height, width), mode="area")
    return 1 - (1 - INSIDE) * cover
