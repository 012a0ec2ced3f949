"""Fine-tuning and linear probing: labelled voxels, and the loss of a batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from visioncore.training.model_modes import evaluating
from visioncore.training.processes import gathered

from ..network.config import Cylinder3DConfig, MinkUNetConfig, VoxelNetConfig
from ..network.losses import segmentation_losses
from ..network.model import CSC
from .config import TrainConfig
from .network_output import run_network

LAST_LAYER = {MinkUNetConfig: "final", VoxelNetConfig: "final", Cylinder3DConfig: "logits"}
"""The layer that fine-tuning begins anew, whose name it has in each network."""


class FinetuningStep:
    """The loss of a batch of labelled voxels, those of all processes together.

    Args:
        config: the recipe; in its stage ``probe`` batch norms keep their statistics.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    def __call__(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the terms of the loss."""
        if self.config.stage == "probe":
            with evaluating(network), torch.enable_grad():
                logits = network(batch)
        else:
            logits = network(batch)
        terms = segmentation_losses(gathered(logits), gathered(batch["labels"]))
        return terms if self.config.lovasz else {"cross_entropy": terms["cross_entropy"]}


class Segmentation(nn.Module):
    """A LiDAR network that takes a batch and returns the logits (N, K) of its voxels."""

    def __init__(self, network: CSC) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the logits of all voxels."""
        found = run_network(self.network, batch)
        assert not isinstance(found, Tensor)
        return found.features

    def last_layer(self) -> list[nn.Parameter]:
        """Return the parameters that linear probing changes."""
        return list(self.network.get_submodule(LAST_LAYER[type(self.network.config)]).parameters())

    def save_pretrained(self, folder: object) -> None:
        """Write the network."""
        self.network.save_pretrained(folder)  # type: ignore[arg-type]
