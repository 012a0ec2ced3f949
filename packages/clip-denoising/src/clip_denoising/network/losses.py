"""The training loss (paper, section 3.4): the mean absolute difference to the clean image."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def training_losses(denoised: Tensor, clean: Tensor) -> dict[str, Tensor]:
    """Return the only loss term, ``l1``: the mean over all elements, in float32 or better.

    Args:
        denoised: the network's output (B, C, H, W), not clamped.
        clean: what it should be, the same shape.
    """
    precise = denoised if denoised.dtype.itemsize >= 4 else denoised.float()
    return {"l1": F.l1_loss(precise, clean.to(precise.dtype))}
