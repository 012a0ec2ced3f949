"""Attention among channels instead of pixels, so that its cost grows with the image only linearly (paper, 3.1)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor, nn

from .layers import Depthwise3x3, Pointwise, to_map, to_pixels
from .strips import strips


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
        channels, pixels = x.shape[1], x.shape[2] * x.shape[3]
        qk, v = to_pixels(self.qkv_local(self.qkv(x))).flatten(1, 2).split([2 * channels, channels], dim=-1)
        mixing = self._mixing(*self._products(qk, pixels)).to(v.dtype)
        return to_map((v @ mixing).reshape(to_pixels(x).shape))

    def in_strips(self, x: Tensor, norm: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Return the attention to ``norm(x)`` as two factors, made with little in memory; no gradients.

        Returns:
            The values, a map of the shape and type of ``x``, and the matrix (B, C, C) that takes a pixel's values to
            the attention's output.
        """
        values, qkv = torch.empty_like(x, memory_format=torch.channels_last), self.qkv.matrix()
        channels, pixels = x.shape[1], x.shape[2] * x.shape[3]
        products: list[tuple[Tensor, ...]] = [()] * len(x)
        for i, around, rows, inside in strips(x, self.qkv.out_channels):
            wide = self.qkv_local(to_map(to_pixels(norm(x[i : i + 1, :, around])) @ qkv))
            qk, v = to_pixels(wide[:, :, inside]).split([2 * channels, channels], dim=-1)
            values[i, :, rows] = to_map(v)[0]
            found = self._products(qk.flatten(1, 2), pixels)
            products[i] = tuple(a + b for a, b in zip(products[i], found, strict=True)) if products[i] else found
        mixing = self._mixing(*(torch.cat(each) for each in zip(*products, strict=True)))
        return values, mixing.to(x.dtype)

    def _products(self, qk: Tensor, pixels: int) -> tuple[Tensor, Tensor]:
        """Return, summed over the pixels given, queries times keys (B, heads, c, c), and all squares (B, 2C).

        Args:
            qk: queries and behind them keys (B, n, 2C).
            pixels: how many the whole map has.
        """
        if qk.dtype == torch.float16:  # sums over a map leave its range, means do not; the ratio is the same
            qk = qk * pixels**-0.5
        q, k = rearrange(qk, "b n (two head c) -> two b head n c", two=2, head=self.heads)
        exact = torch.promote_types(qk.dtype, torch.float32)  # strips are added up
        return (q.transpose(-1, -2) @ k).to(exact), qk.square().sum(dim=1).to(exact)

    def _mixing(self, products: Tensor, squares: Tensor) -> Tensor:
        """Return the matrix (B, C, C) that takes a pixel's values to the attention's output."""
        # clamped before the root, whose slope at zero is infinite
        norms = squares.clamp_min(self.norm_floor**2).sqrt()
        q_norm, k_norm = rearrange(norms, "b (two head c) -> two b head c", two=2, head=self.heads)
        logits = products / (q_norm.unsqueeze(-1) * k_norm.unsqueeze(-2)) * self.temperature
        weights = logits.softmax(dim=-1).transpose(-1, -2)
        projection = rearrange(self.project.weight, "out (head c) 1 1 -> head c out", head=self.heads)
        return rearrange(weights @ projection.to(weights.dtype), "b head c out -> b (head c) out")
