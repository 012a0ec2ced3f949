"""The blocks of SAM's image encoder, computed with less work than its own forward and the same result to rounding.

Tokens stand in memory window by window, so that attention within windows needs no copies. Where windows reach over the
edge, SAM pads the image with zeros; of that padding only keys and values are needed, and they are the bias.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor
from torch.utils.checkpoint import checkpoint

MOST_PAIRS = 2**21
"""Pairs of positions that attention on the CPU holds a bias for at a time: they stay in the cache."""


class Group(NamedTuple):
    """Windows of one shape.

    Attributes:
        number: how many, over all images.
        height: rows of tokens in each, without padding.
        width: columns of tokens in each, without padding.
    """

    number: int
    height: int
    width: int


def run_blocks(blocks: Iterable[Any], x: Tensor, *, recompute: bool = False) -> Tensor:
    """Return the tokens after the blocks of an encoder, (B, H, W, C).

    Args:
        blocks: of the package segment-anything; the windows of those that have some are all of one size.
        x: (B, H, W, C).
        recompute: keep nothing of a block for the backward pass but its input.
    """
    blocks = list(blocks)
    shape = x.shape
    groups, order = window_order(shape, max(block.window_size for block in blocks), x.device)
    tokens = x.flatten(0, 2) if order is None else x.flatten(0, 2)[order]
    back = None if order is None else torch.argsort(order)
    for block in blocks:
        arguments = (block, tokens.contiguous(), shape, groups, order, back)
        tokens = checkpoint(_run_block, *arguments, use_reentrant=False) if recompute else _run_block(*arguments)
    return (tokens if back is None else tokens[back]).view(shape)


def window_order(shape: Sequence[int], window: int, device: torch.device) -> tuple[list[Group], Tensor | None]:
    """Return the windows of the tokens, and the index in the image of each token in the order of the windows.

    Args:
        shape: (B, H, W, ...) of the tokens in the image.
        window: side of the windows in tokens; 0 for none.
        device: where the order is wanted.

    Returns:
        The windows, and B H W indices; None in their stead if the order is that of the image.
    """
    images, rows, columns = shape[:3]
    if window == 0 or (window >= rows and window >= columns):
        return [Group(images, rows, columns)], None
    places = torch.arange(images * rows * columns, device=device).view(images, rows, columns)
    groups, order = [], []
    for vertical in _cuts(rows, window):
        for horizontal in _cuts(columns, window):
            part = places[:, vertical, horizontal]
            height, width = min(window, part.shape[1]), min(window, part.shape[2])
            part = rearrange(part, "b (r y) (c x) -> (b r c) (y x)", y=height, x=width)
            groups.append(Group(len(part), height, width))
            order.append(part.flatten())
    return groups, torch.cat(order)


def _cuts(length: int, window: int) -> list[slice]:
    """Return the length that whole windows cover, and the rest."""
    whole = length - length % window
    return [part for part in (slice(0, whole), slice(whole, length)) if part.stop > part.start]


def _run_block(
    block: Any, tokens: Tensor, shape: torch.Size, groups: list[Group], order: Tensor | None, back: Tensor | None
) -> Tensor:
    """Return the tokens (T, C) in their order after a block."""
    attention, qkv = block.attn, block.attn.qkv(block.norm1(tokens))
    if block.window_size:
        parts = zip(qkv.split([number * height * width for number, height, width in groups]), groups, strict=True)
        gathered = torch.cat([_within(attention, part, group, block.window_size) for part, group in parts])
    else:
        B, H, W, _ = shape
        qkv = (qkv if back is None else qkv[back]).view(B, H, W, -1)
        q, k, v = _heads(qkv, 3, attention.num_heads)
        gathered = _gather(attention, q, k, v)
        gathered = gathered if order is None else gathered[order]
    tokens = tokens + attention.proj(gathered)
    return tokens + block.mlp(block.norm2(tokens))


def _within(attention: Any, qkv: Tensor, group: Group, window: int) -> Tensor:
    """Return the attended values (T, C) within windows of one shape, for queries, keys and values (T, 3 C)."""
    number, height, width = group
    q, k, v = _heads(qkv.view(number, height, width, -1), 3, attention.num_heads)
    if height < window or width < window:
        _, *bias = _heads(attention.qkv.bias.to(qkv.dtype).view(1, 1, 1, -1), 3, attention.num_heads)
        k, v = (_padded(x, fill, window) for x, fill in zip((k, v), bias, strict=True))
    return _gather(attention, q, k, v)


def _heads(x: Tensor, parts: int, heads: int) -> Tensor:
    """Return (parts, B, heads, H, W, d) for (B, H, W, parts heads d)."""
    return rearrange(x, "b y x (n h d) -> n b h y x d", n=parts, h=heads)


def _padded(x: Tensor, fill: Tensor, window: int) -> Tensor:
    """Return keys or values of whole windows, (n, h, window, window, d), for (n, h, height, width, d) and a fill."""
    number, heads, height, width, channels = x.shape
    whole = fill.expand(number, heads, window, window, channels).clone()
    whole[:, :, :height, :width] = x
    return whole


def _gather(attention: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return softmax(q k + relative positions) v of all heads as tokens, (B height width, C).

    Args:
        attention: with the tables of relative positions.
        q: (B, heads, height, width, d), the upper left part of where keys are.
        k: (B, heads, rows, columns, d).
        v: (B, heads, rows, columns, d).
    """
    B, heads, height, width, _ = q.shape
    pairs = height * width * k.shape[2] * k.shape[3]
    # A few windows and heads at a time on the CPU: the bias, a number for every pair of positions, is then not written
    # to memory.
    most = max(1, MOST_PAIRS // pairs) if q.device.type == "cpu" else B * heads
    if most < B:
        return torch.cat([_gather(attention, *few) for few in zip(*(x.split(most) for x in (q, k, v)), strict=True)])
    by_row, by_column = _position_terms(attention, q, *k.shape[2:4])
    some = max(1, most // B)
    parts = (x.split(some, dim=1) for x in (q, k, v, by_row, by_column))
    gathered = [
        F.scaled_dot_product_attention(
            few_q.flatten(2, 3),
            few_k.flatten(2, 3),
            few_v.flatten(2, 3),
            attn_mask=(row[..., :, None] + column[..., None, :]).flatten(4).flatten(2, 3),
        )
        for few_q, few_k, few_v, row, column in zip(*parts, strict=True)
    ]
    return rearrange(torch.cat(gathered, dim=1), "b h n d -> (b n) (h d)")


def _position_terms(attention: Any, q: Tensor, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """Return the relative position terms of the scores: (B, heads, height, width, rows) and (..., columns)."""
    # Products with all relative positions at once. Flipped, those of keys 0, 1, 2 ... follow each other, and start one
    # place further left for each row (or column) that the query lies further down (or right).
    tables = torch.cat((attention.rel_pos_h.flip(0), attention.rel_pos_w.flip(0))).to(q.dtype)
    products = q.contiguous() @ tables.t()
    *outer, y, x, one = products.stride()
    by_row = products.as_strided((*q.shape[:4], rows), (*outer, y - one, x, one), rows - 1)
    by_column = products.as_strided(
        (*q.shape[:4], columns), (*outer, y, x - one, one), attention.rel_pos_h.shape[0] + columns - 1
    )
    return by_row, by_column
