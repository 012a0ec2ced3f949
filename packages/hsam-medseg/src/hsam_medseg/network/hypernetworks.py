"""Hypernetworks: one MLP for each class, from its mask token to the weights of its logits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Hypernetworks(nn.Module):
    """K MLPs with ReLU, one for each mask token, their layers stacked so that each is one batched product.

    Args:
        count: mask tokens K.
        widths: channels before the first layer and after each.
    """

    def __init__(self, count: int, widths: Sequence[int]) -> None:
        super().__init__()
        pairs = list(pairwise(widths))
        self.weights = nn.ParameterList(torch.empty(count, outputs, inputs) for inputs, outputs in pairs)
        self.biases = nn.ParameterList(torch.empty(count, outputs) for _, outputs in pairs)
        for weight, bias in zip(self.weights, self.biases, strict=True):
            # What nn.Linear does for each of them.
            bound = 1 / math.sqrt(weight.shape[-1])
            nn.init.uniform_(weight, -bound, bound)
            nn.init.uniform_(bias, -bound, bound)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (B, K, last width) for mask tokens (B, K, first width)."""
        x = tokens.transpose(0, 1)
        last = len(self.weights) - 1
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias[:, None], x, weight.transpose(1, 2))
            x = x if index == last else F.relu(x)
        return x.transpose(0, 1)
