"""The reference path: frame by frame, head by head and token by token, as the formulas have it."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from visioncore.backbones.clip_transformer import CLIPMLP, QUICK, CLIPAttention, CLIPViT

from .adapter import Attention, VideoAdapter, places
from .alignment import SCALE
from .lite_tower import LiteTower
from .model import ALT
from .output import Regions, VideoOutput


def as_reference(model: ALT) -> ReferenceALT:
    """Return a copy of a network that computes in the paper's own steps, for inference alone."""
    reference = copy.deepcopy(model)
    reference.__class__ = ReferenceALT
    assert isinstance(reference, ReferenceALT)
    return reference


class ReferenceALT(ALT):
    """The network without batches of frames and without noise; made by `as_reference`."""

    def _regions(self, frames: Tensor) -> Regions:
        each = [self._regions_of(frame) for frame in frames]
        return Regions(*(torch.stack(parts) for parts in zip(*each, strict=True)))

    def _regions_of(self, frame: Tensor) -> Regions:
        """Return the regions of a frame (3, S, S); no leading sizes."""
        merges = self.config.merges()
        if isinstance(self.visual, LiteTower):
            x, groups = merged_map(self.visual, frame, merges)
        else:
            x, groups = merged_patches(self.visual, frame, merges)
        tokens = self.visual.ln_post(x)
        source = torch.zeros(sum(map(len, groups)), dtype=torch.int64, device=x.device)
        for number, group in enumerate(groups):
            source[group] = number
        size = torch.tensor([len(group) for group in groups], device=x.device)
        return Regions(tokens, F.normalize(tokens @ self.visual.proj, dim=-1), size, source)

    def watch(self, regions: Regions, generator: torch.Generator | None = None) -> VideoOutput:
        """Return videos one by one, as `ALT.watch` outside training."""
        if not self.config.entities:
            return super().watch(regions)
        each = [self._watch(Regions(*parts)) for parts in zip(*regions, strict=True)]
        return VideoOutput(*(torch.stack(parts) for parts in zip(*each, strict=True)))

    def _watch(self, regions: Regions) -> VideoOutput:
        """Return one video, its regions (T, ...)."""
        entity = (SCALE * regions.features[:, 1:] @ self.entities.T).argmax(dim=-1)
        frames, patches = len(entity), int(regions.size[0, 1:].sum())
        held = torch.zeros(frames, self.config.entities, dtype=torch.int64, device=entity.device)
        for t in range(frames):
            for one, size in zip(entity[t], regions.size[t, 1:], strict=True):
                held[t, one] += size
        ranked = [sorted(range(self.config.entities), key=lambda k: (-int(held[t, k]), k)) for t in range(frames)]
        top = [[k if held[t, k] else -1 for k in ranked[t][: self.config.top]] for t in range(frames)]
        asked = torch.tensor([line + [-1] * (self.config.top - len(line)) for line in top], device=entity.device)
        times, vectors, weights = [], [], []
        for t in range(frames):
            if self.config.queries == "regions":
                rows = [(int(k), int(size)) for k, size in zip(entity[t], regions.size[t, 1:], strict=True)]
            else:
                rows = [(k, int(held[t, k])) for k in asked[t].tolist() if k >= 0]
            for k, count in rows:
                times.append(t)
                vectors.append(self.entities[k])
                weights.append(count / patches)
        added = adapted(self.adapter, torch.stack(vectors), weights, times, regions)
        video = F.normalize(regions.features[:, 0].mean(dim=0) + added, dim=-1)
        return VideoOutput(video, entity, held.to(video.dtype) / patches, asked)


def merged_patches(visual: CLIPViT, frame: Tensor, merges: list[int]) -> tuple[Tensor, list[list[int]]]:
    """Return the last tokens of a frame (3, S, S), the class token first, and the patches in each."""
    x = visual.embed(frame[None])[0]
    groups = [[position] for position in range(len(x))]
    for block, r in zip(visual.transformer.blocks(), merges, strict=True):
        sizes = torch.tensor([len(group) for group in groups], dtype=x.dtype, device=x.device)
        normed = block.ln_1(x)
        x = x + attention(block.attn, normed, sizes)
        if r:
            x, groups = merged(x, groups, mean_keys(block.attn, normed), r)
        x = x + mlp(block.mlp, block.ln_2(x))
    return x, groups


def merged_map(visual: LiteTower, frame: Tensor, merges: list[int]) -> tuple[Tensor, list[list[int]]]:
    """Return the regions of a map, after their mean, and the places in each."""
    x = visual.placed(visual.trunk(frame[None])[-1].flatten(2).transpose(1, 2))[0]
    x = torch.cat([x.mean(dim=0, keepdim=True), x])
    groups = [[position] for position in range(len(x))]
    for r in merges:
        if r:
            x, groups = merged(x, groups, x, r)
    return x, groups


def heads_of(x: Tensor, heads: int) -> list[Tensor]:
    """Return the parts of tokens (N, d) that the heads see, each (N, d / heads)."""
    return list(x.chunk(heads, dim=-1))


def attention(layer: CLIPAttention, x: Tensor, sizes: Tensor) -> Tensor:
    """Return tokens (N, d) after attention, in which each counts as often as the patches in it, (N)."""
    query, key, value = F.linear(x, layer.in_proj_weight, layer.in_proj_bias).chunk(3, dim=-1)
    parts = zip(*(heads_of(part, layer.heads) for part in (query, key, value)), strict=True)
    mixed = [(q @ k.T / q.shape[-1] ** 0.5 + sizes.log()).softmax(dim=-1) @ v for q, k, v in parts]
    out: Tensor = layer.out_proj(torch.cat(mixed, dim=-1))
    return out


def mean_keys(layer: CLIPAttention, x: Tensor) -> Tensor:
    """Return the keys of tokens (N, d), averaged over the heads, (N, d / heads)."""
    key = F.linear(x, layer.in_proj_weight, layer.in_proj_bias).chunk(3, dim=-1)[1]
    return torch.stack(heads_of(key, layer.heads)).mean(dim=0)


def merged(x: Tensor, groups: list[list[int]], metric: Tensor, r: int) -> tuple[Tensor, list[list[int]]]:
    """Return tokens and the patches in each after r of them, at even positions, went into others at odd ones."""
    direction = F.normalize(metric, dim=-1)
    even, odd = list(range(0, len(x), 2)), list(range(1, len(x), 2))
    scores = direction[even] @ direction[odd].T
    best = {i: (float(scores[row].max()), int(scores[row].argmax())) for row, i in enumerate(even) if i}
    gone = sorted(best, key=lambda i: (-best[i][0], i))[:r]
    into = {j: [j] + [i for i in gone if odd[best[i][1]] == j] for j in odd}
    order = [[i] for i in even if i not in gone] + [into[j] for j in odd]
    tokens = [
        sum((len(groups[i]) * x[i] for i in members), torch.zeros_like(x[0])) / sum(len(groups[i]) for i in members)
        for members in order
    ]
    return torch.stack(tokens), [[patch for i in members for patch in groups[i]] for members in order]


def mlp(layer: CLIPMLP, x: Tensor) -> Tensor:
    """Return tokens (N, d) after the MLP, without its shortcut."""
    inside = layer.c_fc(x)
    if layer.activation == "quick_gelu":
        inside = inside / (1 + torch.exp(-QUICK * inside))
    else:
        inside = inside * (1 + torch.erf(inside / 2**0.5)) / 2
    out: Tensor = layer.c_proj(inside)
    return out


def adapted(
    adapter: VideoAdapter, entities: Tensor, weights: list[float], times: list[int], regions: Regions
) -> Tensor:
    """Return the adapter's part (D) in the vector of one video.

    Args:
        adapter: the adapter.
        entities: (Q, D), those that are asked for, frame after frame.
        weights: how much each counts.
        times: the frame of each.
        regions: of the frames (T, ...).
    """
    frames = len(regions.tokens)
    x = adapter.query_mlp(entities) + places(adapter.query_places, frames)[times]
    seen = adapter.region_mlp(adapter.region_norm(regions.tokens)) + places(adapter.region_places, frames)[:, None]
    sizes = regions.size.flatten().to(x.dtype)
    for block in adapter.layers():
        x = x + looked(block.cross, block.norm_cross(x), seen.flatten(0, 1), sizes)
        normed = block.norm_self(x)
        x = x + looked(block.own, normed, normed, torch.ones(len(x), dtype=x.dtype, device=x.device))
        x = x + block.mlp(block.norm_mlp(x))
    share = torch.tensor(weights, dtype=x.dtype, device=x.device)
    mean = (share / share.sum()) @ adapter.norm(x)
    added: Tensor = adapter.gamma * adapter.out(mean)
    return added


def looked(layer: Attention, x: Tensor, others: Tensor, sizes: Tensor) -> Tensor:
    """Return tokens (Q, d) after attention to others (N, d), each of which counts as often as the patches in it."""
    given: list[tuple[nn.Linear, Tensor]] = [(layer.query, x), (layer.key, others), (layer.value, others)]
    parts = zip(*(heads_of(linear(tokens), layer.heads) for linear, tokens in given), strict=True)
    mixed = [(q @ k.T / q.shape[-1] ** 0.5 + sizes.log()).softmax(dim=-1) @ v for q, k, v in parts]
    out: Tensor = layer.out(torch.cat(mixed, dim=-1))
    return out
