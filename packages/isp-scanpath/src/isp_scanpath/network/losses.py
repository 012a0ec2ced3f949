"""The losses of both networks: likelihood of observed scanpaths, and the policy gradient of sampled ones."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .actions import Actions

EPSILON = 1e-7
"""Added inside logarithms, as published."""


class Targets(NamedTuple):
    """Scanpaths as the losses take them; of B images, n observers each, T steps.

    Attributes:
        cells: index of each step's action (B, n, T): 0 to stop, else 1 + the cell of the grid.
        durations: in seconds (B, n, T), zero behind the end.
        action_mask: which actions count (B, n, T): the fixations, and one stop where there is room.
        duration_mask: which durations count (B, n, T): those of the fixations.
    """

    cells: Tensor
    durations: Tensor
    action_mask: Tensor
    duration_mask: Tensor


def action_loss(logits: Tensor, cells: Tensor, mask: Tensor) -> Tensor:
    """Return the mean cross-entropy of the actions that count; shapes as in `Actions` and `Targets`."""
    chosen = logits.softmax(dim=-1).gather(-1, cells.unsqueeze(-1)).squeeze(-1)
    return -((chosen + EPSILON).log() * mask).sum() / mask.sum()


def log_normal(durations: Tensor, mu: Tensor, sigma2: Tensor) -> Tensor:
    """Return the logarithm of the density of durations in seconds; all of one shape."""
    above = durations + EPSILON
    return -above.log() - 0.5 * (2 * math.pi * sigma2).log() - (above.log() - mu) ** 2 / (2 * sigma2)


def duration_loss(mu: Tensor, sigma2: Tensor, durations: Tensor, mask: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of the durations that count; shapes as in `Actions` and `Targets`."""
    return -(log_normal(durations, mu, sigma2) * mask).sum() / mask.sum()


def supervised_losses(actions: Actions, targets: Targets) -> dict[str, Tensor]:
    """Return the terms ``action`` and ``duration`` of the loss, which is their sum."""
    return {
        "action": action_loss(actions.logits, targets.cells, targets.action_mask),
        "duration": duration_loss(actions.mu, actions.sigma2, targets.durations, targets.duration_mask),
    }


class Sampled(NamedTuple):
    """R samples of scanpaths; the axes behind R are those of `Actions`.

    Attributes:
        cells: the actions (R, ..., T), 0 to stop.
        durations: in seconds (R, ..., T).
    """

    cells: Tensor
    durations: Tensor

    @property
    def duration_mask(self) -> Tensor:
        """Which steps come before the first stop (R, ..., T)."""
        return (self.cells != 0).cumprod(dim=-1).to(self.durations.dtype)

    @property
    def action_mask(self) -> Tensor:
        """Which steps come before the first stop, or are it (R, ..., T)."""
        going = self.duration_mask
        return torch.cat([torch.ones_like(going[..., :1]), going[..., :-1]], dim=-1)


def harmonic_mean(first: Tensor, second: Tensor) -> Tensor:
    """Return the harmonic mean of two scores, 0 where both are: of ScanMatch without and with duration, the reward."""
    return torch.where(first + second > 0, 2 * first * second / (first + second).clamp_min(1e-12), 0.0)


def policy_gradient_loss(actions: Actions, sampled: Sampled, rewards: Tensor, *, most_seconds: float = 100.0) -> Tensor:
    """Return the loss whose gradient raises the probability of samples that did better than the others of their kind.

    Args:
        actions: the distributions, of a network in evaluation mode with gradients.
        sampled: R samples of them.
        rewards: of each sample (R, ...).
        most_seconds: longer durations count as so many seconds.
    """
    advantage = rewards - rewards.mean(dim=0, keepdim=True)
    action, duration = negative_log_likelihoods(actions, sampled, most_seconds)
    return (advantage * (action + duration)).sum()


def negative_log_likelihoods(actions: Actions, sampled: Sampled, most_seconds: float = 100.0) -> tuple[Tensor, Tensor]:
    """Return those of the actions and of the durations of each sample (R, ...), over the steps of the whole batch.

    The probabilities are the network's, also where stopping was forbidden when the samples were drawn.
    """
    every = actions.probabilities.unsqueeze(0).expand(len(sampled.cells), *actions.logits.shape)
    chosen = every.gather(-1, sampled.cells.unsqueeze(-1)).squeeze(-1)
    durations = sampled.durations.detach().clamp(0, most_seconds)
    likelihoods = (chosen + EPSILON).log(), log_normal(durations, actions.mu, actions.sigma2)
    masks = sampled.action_mask, sampled.duration_mask
    steps = tuple(range(1, sampled.cells.ndim))
    action, duration = (
        -(likelihood * mask).sum(dim=-1) / mask.sum(dim=steps).clamp_min(1).reshape(-1, *[1] * (len(steps) - 1))
        for likelihood, mask in zip(likelihoods, masks, strict=True)
    )
    return action, duration
