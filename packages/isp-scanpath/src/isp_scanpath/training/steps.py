"""One step of either phase: likelihood of the observed scanpaths, or reward of sampled ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from visioncore.training.model_modes import evaluating

from ..data.samples import references_of, targets_of
from ..inference.running import run_network
from ..inference.sampling import decode, draw
from ..network.actions import Actions
from ..network.losses import Sampled, harmonic_mean, policy_gradient_loss, supervised_losses
from ..network.scanmatch import scanmatch
from ..network.scanpaths import Frame
from .config import TrainConfig

TERMS = ("action", "duration", "policy")


class TrainingStep:
    """The loss of a batch, by the phase that its step is in.

    Args:
        config: the recipe.
        frame: that rewards are measured in.
    """

    def __init__(self, config: TrainConfig, frame: Frame) -> None:
        self.config, self.frame = config, frame

    def __call__(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the terms of the loss; those of the other phase are zero."""
        first = self.config.policy.first_step
        if first is not None and int(batch["step"]) >= first:
            # without dropout and with fixed norms, but with gradients
            with evaluating(network), torch.enable_grad():
                actions = _distributions(network, batch)
            found = {"policy": self._policy(actions, batch)}
        else:
            found = supervised_losses(_distributions(network, batch), targets_of(batch))
            found["duration"] = found["duration"] * self.config.duration_weight
        zero = next(iter(found.values())).new_zeros(())
        return {name: found.get(name, zero) for name in TERMS}

    def _policy(self, actions: Actions, batch: dict[str, Tensor]) -> Tensor:
        policy = self.config.policy
        # its seed comes from the process-wide generator, which is part of the run state
        generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        with torch.no_grad():
            sampled = draw(actions, policy.samples, generator, min_length=policy.min_length)
        rewards = reward(sampled, batch, self.config.network.grid, self.frame)
        return policy_gradient_loss(actions, sampled, rewards.to(actions.mu), most_seconds=policy.most_seconds)


def _distributions(network: nn.Module, batch: dict[str, Tensor]) -> Actions:
    """Return the distributions for every scanpath of a batch, also where one observer stands for everyone."""
    return run_network(network, batch).for_each(batch["cells"].shape[1])


def reward(sampled: Sampled, batch: dict[str, Tensor], grid: tuple[int, int], frame: Frame) -> Tensor:
    """Return the rewards (R, B, n): harmonic mean of ScanMatch without and with duration; zero where nobody looked.

    Args:
        sampled: R samples for B images with n observers.
        batch: the samples that hold what was observed.
        grid: rows and columns of the cells.
        frame: size that scanpaths are measured in.
    """
    reference, there = references_of(batch)
    predicted = decode(sampled, grid, frame)
    repeated = reference[np.tile(np.arange(len(reference)), len(sampled.cells))]
    without, with_duration = (
        torch.from_numpy(scanmatch(predicted, repeated, frame, with_duration=which)) for which in (False, True)
    )
    rewards = harmonic_mean(without, with_duration) * torch.from_numpy(np.tile(there, len(sampled.cells)))
    return rewards.reshape(sampled.cells.shape[:-1])
