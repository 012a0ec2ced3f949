"""Attention among channels instead of pixels, so that its cost grows with the image only linearly (paper, 3.1)."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn

from .layers import Depthwise3x3, Pointwise, to_map, to_pixels


class ChannelAttention(nn.Module):
    """Multi-head attention whose tokens are channels: each head relates its channels over all pixels of the image.

    Queries and keys are L2-normalised along the pixels. Here the norms divide the small channels x channels matrix of
    their products instead of two full maps, and the attention matrix is multiplied into the output projection, so that
    one product over the pixels takes the place of two.

    Args:
        channels: C, divisible by ``heads``.
        heads: groups of consecutive channels that attend to each other.

    Shapes: (B, C, H, W), kept.
    """

    norm_floor = 1e-12

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = Pointwise(channels, 3 * channels)
        self.qkv_local = Depthwise3x3(3 * channels)
        self.project = Pointwise(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        pixels = to_pixels(self.qkv_local(self.qkv(x))).flatten(1, 2)
        q, k, v = pixels.chunk(3, dim=-1)
        mixing = self._mixing(q, k).to(v.dtype)
        return to_map((v @ mixing).unflatten(1, x.shape[2:]))

    def _mixing(self, q: Tensor, k: Tensor) -> Tensor:
        """Return the matrix (B, C, C) that takes a pixel's values to the block's output."""
        if q.dtype == torch.float16:  # sums over all pixels leave its range
            q, k = q.float(), k.float()
        q, k = (rearrange(t, "b n (head c) -> b head n c", head=self.heads) for t in (q, k))
        q_norm = torch.linalg.vector_norm(q, dim=-2).clamp_min(self.norm_floor)
        k_norm = torch.linalg.vector_norm(k, dim=-2).clamp_min(self.norm_floor)
        logits = (q.transpose(-1, -2) @ k) / (q_norm.unsqueeze(-1) * k_norm.unsqueeze(-2)) * self.temperature
        weights = logits.softmax(dim=-1)
        projection = rearrange(self.project.weight, "out (head c) 1 1 -> head c out", head=self.heads)
        return rearrange(weights.transpose(-1, -2) @ projection, "b head c out -> b (head c) out")
