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
    """The layer of a task together with those behind it.

    Attributes:
        maps: the 5x5 convolution to K stop maps and K action maps (2K, C, 5, 5).
        maps_bias: (2K,).
        duration: the 11x11 convolution to the duration's first layer (E, C, 11, 11), one for each kind of place E.
        duration_bias: (E,).
    """

    maps: Tensor
    maps_bias: Tensor
    duration: Tensor
    duration_bias: Tensor


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

    No activation stands between the 5x5 layer of the task and the layers of the head, so that they fold into one. With
    the 7x7 layer of the duration that is an 11x11 one, which at the border lacks the taps that lie outside the map:
    there the 7x7 layer sees zeros, and not what the 5x5 layer makes of the border.

    Args:
        tasks: how many layers of tasks there are.
        grid: rows H and columns W.
        channels: C.
        action_maps: K.
        observer: numbers in an observer's vector.
        hidden: width of the attention over maps.
    """

    inside: Tensor
    places: Tensor

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
        inside, places = _taps_inside(grid, coarse)
        self.register_buffer("inside", inside, persistent=False)
        self.register_buffer("places", places, persistent=False)

    def fold(self, task: int) -> Folded:
        """Return the layer of a task together with those behind it."""
        layer = cast(nn.Conv2d, self.tasks[task])
        assert layer.bias is not None
        assert self.stop.bias is not None
        assert self.maps.bias is not None
        assert self.duration1.bias is not None
        behind = torch.cat([self.stop.weight, self.maps.weight])[:, :, 0, 0]
        maps = (behind @ layer.weight.flatten(1)).unflatten(1, layer.weight.shape[1:])
        taps = self.duration1.weight * self.inside[:, None].to(layer.weight.dtype)
        return Folded(
            maps=maps,
            maps_bias=behind @ layer.bias + torch.cat([self.stop.bias, self.maps.bias]),
            duration=F.conv_transpose2d(taps, layer.weight),
            duration_bias=taps.sum(dim=(2, 3)) @ layer.bias + self.duration1.bias,
        )

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
        each = list(zip(parts, folded, strict=True))
        stop, maps = torch.cat([F.conv2d(x, of.maps, of.maps_bias, padding=2) for x, of in each]).chunk(2, dim=1)
        maps = maps.relu().unflatten(0, (batch, count))
        z = torch.cat([stop.mean(dim=(2, 3)).unflatten(0, (batch, count)).unsqueeze(-1), maps.flatten(3)], dim=-1)
        weights = self._priorities(maps.flatten(3), tokens, observer)
        mu, log_sigma2 = self._durations(each).unflatten(0, (batch, count)).unbind(-1)
        return Step(
            logits=_mix(weights, z),
            mu=mu,
            sigma2=log_sigma2.exp(),
            action_map=_mix(weights, maps.flatten(3)).unflatten(2, maps.shape[3:]),
            maps=maps,
            weights=weights,
        )

    def _durations(self, each: list[tuple[Tensor, Folded]]) -> Tensor:
        """Return mu and log sigma2 (N, 2) from hidden states (N, C, H, W), each part by its folded layers."""
        padding = _PADDING + 2
        kinds = torch.cat([F.conv2d(x, of.duration, of.duration_bias, _STRIDE, padding) for x, of in each])
        coarse = (kinds * self.places.to(kinds.dtype)).sum(dim=1, keepdim=True)
        return self.duration2(coarse.relu()).flatten(1)

    def _priorities(self, maps: Tensor, tokens: Tensor, observer: Tensor) -> Tensor:
        """Return the weights (B, n, K) of maps (B, n, K, HW)."""
        seen = (maps.flatten(1, 2) @ tokens / tokens.shape[1]).unflatten(1, maps.shape[1:3])
        weights: Tensor = self.priority(seen, observer)
        return weights


def _mix(weights: Tensor, values: Tensor) -> Tensor:
    """Return the weighted sum (B, n, X) of values (B, n, K, X)."""
    return (weights.unsqueeze(-2) @ values).squeeze(-2)


def _taps_inside(grid: tuple[int, int], coarse: list[int]) -> tuple[Tensor, Tensor]:
    """Return the taps of the duration's 7x7 layer that lie inside the map, for each kind of place, and where these are.

    Args:
        grid: rows and columns of the map.
        coarse: rows and columns of the layer's output.

    Returns:
        Masks of taps (E, 7, 7) and of outputs (E, *coarse), at each of which one kind holds.
    """
    rows, columns = (
        [tuple(0 <= _STRIDE * place + tap - _PADDING < side for tap in range(_SIDE)) for place in range(number)]
        for side, number in zip(grid, coarse, strict=True)
    )
    every = [(row, column) for row in rows for column in columns]
    kinds = list(dict.fromkeys(every))
    inside = torch.tensor([[[y and x for x in column] for y in row] for row, column in kinds])
    return inside, torch.tensor([[place == kind for place in every] for kind in kinds]).unflatten(1, tuple(coarse))
