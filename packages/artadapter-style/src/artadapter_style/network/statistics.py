"""Style as statistics of features: what is left of them when places do not count."""

from __future__ import annotations

import torch
from torch import Tensor

EPS = 1e-5
"""Added to variances."""


def mean_std(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation over the places of maps, each (B, C), at least in float32.

    Args:
        features: (B, C, H, W).
    """
    variance, mean = torch.var_mean(_exact(features).flatten(2), dim=2, correction=0)
    return mean, (variance + EPS).sqrt()


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrices (B, C, C) of maps (B, C, H, W), divided by C * H * W, at least in float32."""
    places = _exact(features).flatten(2)
    return places @ places.mT / places[0].numel()


def adain_distance(one: Tensor, other: Tensor) -> Tensor:
    """Return the mean squared differences of means and of deviations of maps (B, C, H, W), added: (B,)."""
    pairs = zip(mean_std(one), mean_std(other), strict=True)
    return torch.stack([(a - b).square().mean(dim=1) for a, b in pairs]).sum(dim=0)


def _exact(features: Tensor) -> Tensor:
    # squares overflow in half precision, and small variances vanish
    return features.to(torch.promote_types(features.dtype, torch.float32))
