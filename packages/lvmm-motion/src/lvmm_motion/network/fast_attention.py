"""Attention of the denoisers as inference runs it on a CPU: a part of the pixels at a time, so that it stays cached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from visioncore.convolutions.products import Product

from .attention import HEAD, CrossAttention, FrequencyAttention, LinearAttention, Positions

PIXELS = 256
"""Of all coefficients, in `FastFrequencyAttention`."""
TOKENS = 1024
"""Pixels of one or several frames, in `FastLinearAttention`."""


@torch.no_grad()
def speed_up(network: nn.Module) -> None:
    """Replace attention by what computes the same in less time, in place."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, FrequencyAttention):
                setattr(module, name, FastFrequencyAttention(child))
            elif isinstance(child, LinearAttention):
                setattr(module, name, FastLinearAttention(child))
            elif isinstance(child, CrossAttention):
                child.__class__ = FastCrossAttention


class FastFrequencyAttention(nn.Module):
    """`FrequencyAttention` whose rotations are part of the projections, another one for each coefficient."""

    def __init__(self, attention: FrequencyAttention) -> None:
        super().__init__()
        self.plain = attention
        self.products: dict[int, Sequence[Product]] = {}

    def forward(self, x: Tensor, positions: Positions) -> Tensor:
        """(B, F, H, W, C) and the positions of F coefficients; the shape of the former out."""
        plain, count = self.plain, x.shape[1]
        if count == 1:
            single: Tensor = plain(x, positions)
            return single
        if count not in self.products:
            self.products = {count: self._rotated(positions)}
        out = torch.empty_like(x, memory_format=torch.contiguous_format)
        for sample, result in zip(x.flatten(2, 3), out.flatten(2, 3), strict=True):
            for start in range(0, sample.shape[1], PIXELS):
                here = sample[:, start : start + PIXELS]
                parts = zip(self.products[count], plain.norm(here), strict=True)
                tokens = torch.stack([product(part) for product, part in parts], dim=1)
                query, key, value = tokens.unflatten(2, (3, plain.heads, HEAD)).permute(2, 0, 3, 1, 4)
                mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=positions.bias)
                torch.add(here, plain.merge(mixed).transpose(0, 1), out=result[:, start : start + PIXELS])
        return out

    def _rotated(self, positions: Positions) -> list[Product]:
        """Return the projections to queries, keys and values, one for each coefficient."""
        count = positions.bias.shape[1]
        query, key, value = (w.T for w in (self.plain.to_q.weight, *self.plain.to_kv.weight.chunk(2)))
        turned = [positions.rotated(w.unflatten(1, (-1, HEAD))[None, None])[0].flatten(2) for w in (query, key)]
        matrices = torch.cat((*turned, value.expand(count, -1, -1)), dim=2)
        return [Product(matrix) for matrix in matrices]


class FastLinearAttention(nn.Module):
    """`LinearAttention` in which the last projection is multiplied by what was found, and not by every pixel first."""

    def __init__(self, attention: LinearAttention) -> None:
        super().__init__()
        self.heads, self.norm = attention.heads, attention.norm
        self.to_qkv = Product(attention.to_qkv.weight.flatten(1).T)
        self.register_buffer("matrix", attention.to_out.weight.flatten(1).T.unflatten(0, (self.heads, HEAD)).clone())
        self.register_buffer("bias", attention.to_out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, F, H, W, C), the same shape out."""
        frames = x.flatten(0, 1).flatten(1, 2)
        out = torch.empty_like(frames, memory_format=torch.contiguous_format)
        step = max(1, TOKENS // frames.shape[1])
        for start in range(0, len(frames), step):
            here = frames[start : start + step]
            qkv = self.to_qkv(self.norm(here).flatten(0, 1)).view(*here.shape[:2], 3, self.heads, HEAD)
            query, key, value = qkv.unbind(2)
            shares = query.softmax(dim=-1).flatten(2)
            context = key.softmax(dim=1).permute(0, 2, 3, 1) @ value.transpose(1, 2)
            matrix = (context @ cast(Tensor, self.matrix)).flatten(1, 2) * HEAD**-0.5
            torch.baddbmm(here, shares, matrix, out=out[start : start + step])
        return out.add_(cast(Tensor, self.bias)).view_as(x)


class FastCrossAttention(CrossAttention):
    """`CrossAttention` that joins few tokens with the projections before and behind: one number a head and token."""

    def forward(self, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(B, F, H, W, C) and keys and values (B, heads, n, 32); the shape of the former out."""
        count = keys.shape[2]
        if count >= HEAD:
            return super().forward(x, keys, values)
        inwards = self.to_q.weight.unflatten(0, (self.heads, HEAD)) * HEAD**-0.5
        outwards = self.to_out.weight.T.unflatten(0, (self.heads, HEAD))
        logits = self.norm(x).flatten(1, 3) @ (keys @ inwards).flatten(1, 2).mT
        shares = logits.unflatten(2, (self.heads, count)).softmax(dim=-1).flatten(2)
        return torch.baddbmm(x.flatten(1, 3), shares, (values @ outwards).flatten(1, 2)).view_as(x)
