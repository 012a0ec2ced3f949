"""Progressive feature augmentation (paper, section 3.3): in training, features are multiplied by random factors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def augment(features: Sequence[Tensor], level: float) -> list[Tensor]:
    """Multiply every element of dense features by a Gaussian factor of mean 1; the deeper, the stronger.

    Feature i gets factors of standard deviation ``level * i``, drawn from the fine to the coarse; feature 0, the image,
    is handed on as it is.

    Args:
        features: (B, C_i, H_i, W_i), from fine to coarse.
        level: standard deviation of the factors on feature 1.
    """
    return [
        feature * torch.randn_like(feature).mul_(level * depth).add_(1) if level and depth else feature
        for depth, feature in enumerate(features)
    ]
