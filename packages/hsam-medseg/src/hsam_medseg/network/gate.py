"""Class-balanced mask-guided self attention (paper, section 3.3), as a gate over positions.

The authors' code normalises the gate over an axis of length one, so that it is 1 everywhere and the whole branch has no
effect. Here it is normalised over positions, to a mean of 1, so that training starts close to what was released. This,
and that the noise takes the classes' frequencies from the first decoder instead of from labels, are our choices.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import Attention
from .two_way_transformer import MLP

HIDDEN = 2048
NOISE = (0.35, 0.3, 0.3, 0.2, 0.2, 0.1, 0.1, 0.0, 0.0)
"""Standard deviations of the noise on the features of nine classes, from the rarest to the most frequent."""


def attention_heads(positions: int) -> int:
    """Return the largest number of heads up to 8 that divides the positions: 7 for 196, 8 for 1024, as published."""
    return next(heads for heads in range(8, 0, -1) if positions % heads == 0)


class ClassBalancedGate(nn.Module):
    """A factor for each position, from the features of all classes' masks.

    Args:
        channels: classes K, background included.
        positions: positions N of the image embedding.
    """

    def __init__(self, channels: int, positions: int) -> None:
        super().__init__()
        heads = attention_heads(positions)
        self.self_attn = Attention(positions, heads)
        self.norm1 = nn.LayerNorm(positions)
        self.self_attn2 = Attention(positions, heads)
        self.mlp = MLP(positions, HIDDEN)
        self.norm2 = nn.LayerNorm(positions)
        self.med_sel = nn.Sequential(nn.Linear(channels, 1), nn.ReLU())
        self.dropout = nn.Dropout(0.1)

    def forward(self, features: Tensor, prior: Tensor) -> Tensor:
        """Return the gate, (B, N), with a mean of 1.

        Args:
            features: (B, K, N) mask features of the first decoder.
            prior: (B, K, N) its probabilities; training takes from them which classes are rare.
        """
        if self.training:
            features = self.dropout(features + torch.randn_like(features) * noise_levels(prior)[..., None])
        x = self.norm1(self.self_attn(features, features, features))
        x = self.self_attn2(x, x, x)
        x = self.norm2(x + self.mlp(x))
        scores = self.med_sel(x.transpose(1, 2)).squeeze(-1)
        return scores.softmax(dim=-1) * scores.shape[-1]


def noise_levels(prior: Tensor) -> Tensor:
    """Return the standard deviation of the noise for each class, (K,), larger for rarer classes in the batch.

    Args:
        prior: (B, K, N) probabilities.
    """
    count = prior.shape[1]
    published = torch.tensor(NOISE, dtype=prior.dtype, device=prior.device)
    levels = F.interpolate(published[None, None], size=count, mode="linear", align_corners=True)[0, 0]
    ranks = prior.detach().mean(dim=(0, 2)).argsort().argsort()
    return levels[ranks]
