"""The denoising loss of training."""

from __future__ import annotations

import torch
from torch import Tensor


def denoising_loss(
    prediction: Tensor, noise: Tensor, weights: Tensor | None = None, places: Tensor | None = None
) -> Tensor:
    """Return the mean squared error of predicted noise, both (B, 4, h, w), in float32 at least.

    Args:
        prediction: of the U-Net.
        noise: that was added, or the velocity where the base predicts that.
        weights: (B,) of the samples, such as `schedule.min_snr_weights`; default: all 1.
        places: (B, 1, h, w) weights of the places; default: all 1. The mean is over all places, whatever their weights.
    """
    wide = torch.promote_types(prediction.dtype, torch.float32)
    squares = (prediction.to(wide) - noise.to(wide)).square()
    if places is not None:
        squares = squares * places.to(squares)
    if weights is None:
        return squares.mean()
    return (squares.flatten(1).mean(dim=1) * weights.to(squares)).mean()
