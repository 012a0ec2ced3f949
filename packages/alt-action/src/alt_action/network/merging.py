"""Token merging (Bolya et al. 2023): alike tokens become one, a weighted mean that remembers how many it stands for.

Tokens at even positions, the class token first, look for the most alike at odd ones. The closest r of them are merged
into theirs. Those that stay come first, in their order, then all at odd positions.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Merge(NamedTuple):
    """Which tokens are merged, in each of F sequences of A tokens at even and B at odd positions; all int64."""

    kept: Tensor
    """(F, A - r): the even tokens that stay, in ascending order."""
    moved: Tensor
    """(F, r): the even tokens that go."""
    target: Tensor
    """(F, r): the odd token that each of them goes into; several may have the same."""


@torch.no_grad()
def match(metric: Tensor, r: int) -> Merge:
    """Return which tokens to merge.

    Args:
        metric: (F, n, c); the cosine says how alike two tokens are. The first is the class token, which stays alone.
        r: tokens to merge away, from 0 to (n - 1) // 2. Of equal ones those at lower positions go first.
    """
    metric = F.normalize(metric, dim=-1)
    scores = metric[:, ::2] @ metric[:, 1::2].transpose(1, 2)
    best, partner = scores.max(dim=-1)
    # What is not a number goes on into the tokens, where it is told of; it must not upset the order here.
    best = best.nan_to_num(nan=-2.0)
    best[:, 0] = -torch.inf
    rank = _ranks(best)
    moved = rank.topk(r, largest=False).indices
    tokens = best.shape[1]
    position = torch.arange(tokens, device=best.device)
    kept = torch.where(rank >= r, position, position + tokens).topk(tokens - r, largest=False).values
    return Merge(kept, moved, partner.gather(1, moved))


def _ranks(best: Tensor) -> Tensor:
    """Return the places (F, A) of numbers (F, A) in descending order, of equal ones the first first.

    Counted, not sorted: no device or file format has a stable order of its own that is sure.
    """
    one, other = best[:, :, None], best[:, None]
    position = torch.arange(best.shape[1], device=best.device)
    before = (other > one) | ((other == one) & (position < position[:, None]))
    return before.sum(dim=-1)


def merge_tokens(x: Tensor, size: Tensor, merge: Merge) -> Tensor:
    """Return tokens (F, n - r, d): means of tokens (F, n, d), weighted by how many each stands for, (F, n)."""
    frames, tokens, width = x.shape
    stay = merge.kept.shape[1]
    odd, gone = size[:, 1::2], size[:, ::2].gather(1, merge.moved)
    total = odd.scatter_add(1, merge.target, gone)
    # Whole rows are copied once; of those at odd positions a share remains, to which the others are added.
    order = torch.cat([2 * merge.kept, torch.arange(1, tokens, 2, device=x.device).expand(frames, -1)], dim=1)
    share = torch.cat([torch.ones_like(merge.kept, dtype=x.dtype), odd.to(x.dtype) / total], dim=1)
    rows = x.flatten(0, 1)
    out = rows.index_select(0, _rows(order, tokens)).mul_(share.flatten()[:, None])
    part = gone.to(x.dtype) / total.gather(1, merge.target)
    moved = rows.index_select(0, _rows(2 * merge.moved, tokens)) * part.flatten()[:, None]
    out = out.index_add_(0, _rows(stay + merge.target, order.shape[1]), moved)
    return out.view(frames, -1, width)


def merge_sizes(size: Tensor, merge: Merge) -> Tensor:
    """Return how many each token stands for afterwards, (F, n - r), of the same before, (F, n)."""
    even, odd = size[:, ::2], size[:, 1::2]
    return torch.cat([even.gather(1, merge.kept), odd.scatter_add(1, merge.target, even.gather(1, merge.moved))], dim=1)


def merge_source(source: Tensor, merge: Merge) -> Tensor:
    """Return which token holds each patch afterwards, (F, 1 + N), of the same before, (F, 1 + N)."""
    stay, gone = merge.kept.shape[1], merge.moved.shape[1]
    frames, tokens = source.shape[0], 2 * (stay + gone)
    place = torch.arange(tokens, device=source.device).expand(frames, tokens).clone()
    place[:, 1::2] = stay + place[:, 1::2] // 2
    ranks = torch.arange(stay, device=source.device).expand(frames, stay)
    place = place.scatter(1, 2 * merge.kept, ranks).scatter(1, 2 * merge.moved, stay + merge.target)
    return place.gather(1, source)


def _rows(index: Tensor, tokens: int) -> Tensor:
    """Return the numbers of rows (F k) of a table of ``tokens`` rows for each frame, for an index (F, k) of each."""
    return (index + tokens * torch.arange(index.shape[0], device=index.device)[:, None]).flatten()
