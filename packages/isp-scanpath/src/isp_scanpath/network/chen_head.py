"""The head of ChenLSTM-ISP: the layer of the task, K action maps, durations, and the observer's priorities."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .guided_attention import GuidedAttention

_SIDE, _STRIDE, _PADDING = 7, 5, 2
"""Of the duration's first convolution."""


class Folded(NamedTuple):
    """The layer of a task and the layers behind it as one 5x5 convolution: 2K + 49 maps from C channels."""

    weight: Tensor
    bias: Tensor


class Step(NamedTuple):
    """A step of `Actions`, without its axis."""

    logits: Tensor
    mu: Tensor
    sigma2: Tensor
    action_map: Tensor
    maps: Tensor
    weights: Tensor


class ActionHead(nn.Module):
    """Distributions of a step from the hidden state.

    No activation stands between the 5x5 layer of the task and the layers of the head, so that they fold into one. The
    duration's 7x7 layer is 49 maps of it, from which each output takes its own: outside the map it sees zeros, which an
    11x11 kernel would not.

    Args:
        tasks: how many layers of tasks there are.
        grid: rows H and columns W.
        channels: C.
        action_maps: K.
        observer: numbers in an observer's vector.
        hidden: width of the attention over maps.
    """

    taps: Tensor

    def __init__(
        self, tasks: int, grid: tuple[int, int], channels: int, action_maps: int, observer: int, hidden: int
    ) -> None:
        super().__init__()
        self.tasks = nn.ModuleList(nn.Conv2d(channels, channels, 5, padding=2) for _ in range(tasks))
        self.stop = nn.Conv2d(channels, action_maps, 1)
        self.maps = nn.Conv2d(channels, action_maps, 1)
        self.duration1 = nn.Conv2d(channels, 1, _SIDE, _STRIDE, _PADDING)
        coarse = [(side + 2 * _PADDING - _SIDE) // _STRIDE + 1 for side in grid]
        self.duration2 = nn.Conv2d(1, 2, (coarse[0], coarse[1]))
        self.priority = GuidedAttention(channels, observer, hidden)
        self.register_buffer("taps", torch.eye(_SIDE**2).reshape(1, _SIDE**2, _SIDE, _SIDE), persistent=False)

    def fold(self, task: int) -> Folded:
        """Return the layer of a task together with those behind it."""
        layer = cast(nn.Conv2d, self.tasks[task])
        behind = torch.cat([self.stop.weight[:, :, 0, 0], self.maps.weight[:, :, 0, 0], self._duration_taps()])
        weight = behind @ layer.weight.flatten(1)
        assert layer.bias is not None
        assert self.stop.bias is not None
        assert self.maps.bias is not None
        bias = behind @ layer.bias + F.pad(torch.cat([self.stop.bias, self.maps.bias]), (0, _SIDE**2))
        return Folded(weight.reshape(len(behind), *self.stop.weight.shape[1:2], 5, 5), bias)

    def _duration_taps(self) -> Tensor:
        return self.duration1.weight[0].flatten(1).t()

    def forward(self, hidden: Tensor, folded: list[Folded], tokens: Tensor, observer: Tensor) -> Step:
        """Return the distributions of a step.

        Args:
            hidden: (B, n, C, H, W).
            folded: the layers of each image's task, or one for all images.
            tokens: visual features (B, HW, C).
            observer: vectors (B, n, E).
        """
        batch, count = hidden.shape[:2]
        parts = [hidden.flatten(0, 1)] if len(folded) == 1 else list(hidden)
        out = torch.cat([F.conv2d(part, *layer, padding=2) for part, layer in zip(parts, folded, strict=True)])
        k = self.maps.out_channels
        stop, maps, taps = out.split([k, k, _SIDE**2], dim=1)
        maps = maps.relu().unflatten(0, (batch, count))
        z = torch.cat([stop.mean(dim=(2, 3)).unflatten(0, (batch, count)).unsqueeze(-1), maps.flatten(3)], dim=-1)
        weights = self._priorities(maps.flatten(3), tokens, observer)
        mu, log_sigma2 = self._durations(taps).unflatten(0, (batch, count)).unbind(-1)
        return Step(
            logits=_mix(weights, z),
            mu=mu,
            sigma2=log_sigma2.exp(),
            action_map=_mix(weights, maps.flatten(3)).unflatten(2, maps.shape[3:]),
            maps=maps,
            weights=weights,
        )

    def _durations(self, taps: Tensor) -> Tensor:
        """Return mu and log sigma2 (N, 2) from the 49 maps (N, 49, H, W)."""
        coarse = F.conv2d(taps, self.taps.to(taps.dtype), self.duration1.bias, _STRIDE, _PADDING)
        return self.duration2(coarse.relu()).flatten(1)

    def _priorities(self, maps: Tensor, tokens: Tensor, observer: Tensor) -> Tensor:
        """Return the weights (B, n, K) of maps (B, n, K, HW)."""
        seen = (maps.flatten(1, 2) @ tokens / tokens.shape[1]).unflatten(1, maps.shape[1:3])
        weights: Tensor = self.priority(seen, observer)
        return weights


def _mix(weights: Tensor, values: Tensor) -> Tensor:
    """Return the weighted sum (B, n, X) of values (B, n, K, X)."""
    return (weights.unsqueeze(-2) @ values).squeeze(-2)
