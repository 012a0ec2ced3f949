"""Losses: the denoising loss of training, and what holds a fine-tuned style near where it started."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .config import Level


def denoising_loss(prediction: Tensor, noise: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the mean squared error of predicted noise, both (B, 4, h, w), in float32 at least.

    Args:
        prediction: of the U-Net.
        noise: that was added.
        weights: (B,) of the samples, such as `diffusion.min_snr_weights`; default: all 1.
    """
    wide = torch.promote_types(prediction.dtype, torch.float32)
    squares = (prediction.to(wide) - noise.to(wide)).square()
    if weights is None:
        return squares.mean()
    return (squares.flatten(1).mean(dim=1) * weights.to(squares)).mean()


def offset_loss(offsets: Mapping[Level, Tensor], start: Mapping[Level, Tensor]) -> Tensor:
    """Return the squared length of offsets over that of the tokens they are added to, both (n, width) by level."""
    moved = torch.stack([offset.square().sum() for offset in offsets.values()]).sum()
    return moved / torch.stack([start[level].square().sum() for level in offsets]).sum()
