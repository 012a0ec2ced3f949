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
        q, k, v = to_pixels(self.qkv_local(self.qkv(x))).flatten(1, 2).chunk(3, dim=-1)
        mixing = self._mixing(*self._products(q, k)).to(v.dtype)
        return to_map((v @ mixing).reshape(to_pixels(x).shape))

    def add_in_strips(self, x: Tensor, norm: Callable[[Tensor], Tensor]) -> Tensor:
        """Return ``x + self(norm(x))`` with only the values and a strip of the rest in memory; no gradients."""
        out = torch.empty_like(x, memory_format=torch.channels_last)
        qkv = self.qkv.matrix()
        products: list[tuple[Tensor, ...]] = [()] * len(x)
        for i, around, rows, inside in strips(x, self.qkv.out_channels):
            q, k, v = to_pixels(
                self.qkv_local(to_map(to_pixels(norm(x[i : i + 1, :, around])) @ qkv))[:, :, inside]
            ).chunk(3, dim=-1)
            out[i, :, rows] = to_map(v)[0]
            found = self._products(q.flatten(1, 2), k.flatten(1, 2))
            products[i] = tuple(a + b for a, b in zip(products[i], found, strict=True)) if products[i] else found
        mixing = self._mixing(*(torch.cat(each) for each in zip(*products, strict=True))).to(x.dtype)
        for i, _, rows, _ in strips(x, 2 * x.shape[1]):
            pixels, values = to_pixels(x[i : i + 1, :, rows]), to_pixels(out[i : i + 1, :, rows])
            torch.add(pixels, values @ mixing[i], out=values)
        return out

    def _products(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return, summed over pixels (B, N, C), queries times keys (B, heads, c, c), and the squares of both."""
        if q.dtype == torch.float16:  # sums over all pixels leave its range
            q, k = q.float(), k.float()
        q, k = (rearrange(t, "b n (head c) -> b head n c", head=self.heads) for t in (q, k))
        return q.transpose(-1, -2) @ k, q.square().sum(dim=-2), k.square().sum(dim=-2)

    def _mixing(self, products: Tensor, q_squares: Tensor, k_squares: Tensor) -> Tensor:
        """Return the matrix (B, C, C) that takes a pixel's values to the attention's output."""
        q_norm, k_norm = (squares.sqrt().clamp_min(self.norm_floor) for squares in (q_squares, k_squares))
        logits = products / (q_norm.unsqueeze(-1) * k_norm.unsqueeze(-2)) * self.temperature
        projection = rearrange(self.project.weight, "out (head c) 1 1 -> head c out", head=self.heads)
        return rearrange(logits.softmax(dim=-1).transpose(-1, -2) @ projection, "b head c out -> b (head c) out")
