"""Mixup: in half of the batches, every pair of a noisy and a clean image is blended with another pair."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

PROBABILITY = 0.5
CONCENTRATION = 1.2
"""Of the Beta distribution, for both ends, that shares are drawn from."""


def mix(images: Tensor, share: float, order: Tensor) -> Tensor:
    """Blend images (B, ...) with those at ``order`` (B,); ``share`` is the weight of the former."""
    return share * images + (1 - share) * images[order]


def mixup(noisy: Tensor, clean: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return a batch unchanged, or, with probability 1/2, blended with itself in another order.

    Args:
        noisy: (B, C, H, W).
        clean: the same shape; blended by the same share and in the same order.
        rng: draws whether, the share from Beta(1.2, 1.2), and the order.
    """
    if rng.random() >= PROBABILITY:
        return noisy, clean
    share = float(rng.beta(CONCENTRATION, CONCENTRATION))
    order = torch.from_numpy(rng.permutation(len(noisy))).to(noisy.device)
    return mix(noisy, share, order), mix(clean, share, order)
