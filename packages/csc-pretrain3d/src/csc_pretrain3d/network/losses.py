"""The training loss."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def training_losses(bright: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Return the loss terms of network outputs and targets, both (B, C, H, W), by name; training adds them up."""
    return {"squared_error": F.mse_loss(bright, target)}
