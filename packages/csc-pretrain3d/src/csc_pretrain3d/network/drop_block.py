"""Features dropped in blocks: neighbours say the same, so that single ones dropped would not be missed.

Ghiasi et al., "DropBlock: A regularization method for convolutional networks", NeurIPS 2018; the share of block centres
is that of an endless map, as in the published network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DropBlock(nn.Module):
    """Sets squares of a map to zero in all channels while it trains, and scales the rest to keep the mean.

    Args:
        share: of the features that is dropped, as long as blocks do not overlap.
        block: side of a square, odd.
    """

    def __init__(self, share: float, block: int) -> None:
        super().__init__()
        self.share, self.block = share, block

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.share:
            return x
        centres = torch.rand(len(x), 1, *x.shape[2:], device=x.device) < self.share / self.block**2
        kept = 1 - F.max_pool2d(centres.to(x.dtype), self.block, stride=1, padding=self.block // 2)
        return x * kept * (kept.numel() / kept.sum().clamp(min=1))
