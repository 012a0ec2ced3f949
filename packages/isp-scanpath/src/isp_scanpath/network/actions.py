"""The output of both networks: for every step a distribution over where to look, or stop, and over how long."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Actions(NamedTuple):
    """Distributions over the steps of scanpaths: B images, n observers of each, T steps, K maps of H x W cells.

    Attributes:
        logits: of the actions (B, n, T, 1 + HW): first to stop, then to fixate a cell, row after row.
        mu: mean of the logarithm of the duration in seconds (B, n, T).
        sigma2: its spread (B, n, T), a variance in the loss.
        action_map: the mix of the K maps (B, n, T, H, W), without the logit to stop.
        maps: the K maps (B, n, T, K, H, W).
        weights: of the K maps (B, n, T, K); they sum to 1.
    """

    logits: Tensor
    mu: Tensor
    sigma2: Tensor
    action_map: Tensor
    maps: Tensor
    weights: Tensor

    @property
    def probabilities(self) -> Tensor:
        """Of the actions (B, n, T, 1 + HW)."""
        return self.logits.softmax(dim=-1)

    def for_each(self, observers: int) -> Actions:
        """Return those of one observer for each of many, or those of many as they are; nothing is copied."""
        return Actions(*(value.expand(-1, observers, *value.shape[2:]) for value in self))
