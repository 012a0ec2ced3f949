"""Panoptic fine-tuning: labelled scans with instances, and the loss of a batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from visioncore.errors import InputError
from visioncore.training.processes import gathered

from ..data.augmentation import AugmentationConfig, rotate_and_flip
from ..data.batch import Batch, labelled_sample
from ..data.frames import Frames
from ..data.network_input import voxelize
from ..data.panoptic_targets import panoptic_classes, panoptic_targets
from ..network.panoptic import PanopticNet, PanopticOutput
from ..network.panoptic_config import PanopticConfig
from ..network.panoptic_losses import panoptic_losses
from .config import TrainConfig
from .network_output import network_inputs


class PanopticSamples:
    """Labelled scans and the targets of their bird's-eye cells, rotated and flipped.

    Args:
        frames: whose scans have labels and instances.
        config: of the network.
        augmentation: of which rotation and flips count.
    """

    def __init__(self, frames: Frames, config: PanopticConfig, augmentation: AugmentationConfig) -> None:
        self.frames, self.config, self.augmentation = frames, config, augmentation

    def __len__(self) -> int:
        return len(self.frames)

    def sample(self, index: int, rng: np.random.Generator) -> Batch:
        """Return the voxels of a scan with their classes, ``heat``, ``offset`` and ``seen``, one row each.

        Raises:
            InputError: if the scan has no labels or no instances.
        """
        scan = self.frames[index].scan
        if scan.labels is None or scan.instances is None:
            raise InputError(f"{scan.name}: has no labels or no instances; panoptic fine-tuning needs both")
        moved = replace(scan, points=rotate_and_flip(scan.points, self.augmentation, rng))
        backbone = self.config.backbone
        voxels = voxelize(moved.points, moved.intensity, backbone)
        targets = panoptic_targets(
            moved.points,
            panoptic_classes(scan.labels, self.config.classes),
            scan.instances,
            voxels.coordinates,
            voxels.inverse,
            grid=backbone.grid,
            low=backbone.lowest,
            high=backbone.highest,
            ignore=self.config.ignore,
        )
        maps = {"heat": targets.heat, "offset": targets.offset, "seen": targets.seen}
        return {
            **labelled_sample(moved, voxels, majority=True),
            "labels": torch.from_numpy(targets.labels),
            **{name: torch.from_numpy(value)[None] for name, value in maps.items()},
        }


class Panoptic(nn.Module):
    """The panoptic network, which takes a batch."""

    def __init__(self, network: PanopticNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> Tensor | PanopticOutput:
        """Return classes, centres and offsets in training, and the logits (N, K) of the voxels in evaluation."""
        found: PanopticOutput = self.network(*network_inputs(self.network.config.backbone, batch))
        return found if self.training else found.logits.roll(1, dims=1)

    def save_pretrained(self, folder: object) -> None:
        """Write the network."""
        self.network.save_pretrained(folder)  # type: ignore[arg-type]


class PanopticStep:
    """The loss of a batch, that of all processes together.

    Args:
        config: the recipe.
        ignore: the class that is none.
    """

    def __init__(self, config: TrainConfig, ignore: int) -> None:
        self.config, self.ignore = config, ignore

    def __call__(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the terms of the loss."""
        output = PanopticOutput(*(gathered(each) for each in network(batch)))
        targets = (gathered(batch[name]) for name in ("labels", "heat", "offset", "seen"))
        terms = panoptic_losses(output, *targets, ignore=self.ignore, official=self.config.official_panoptic)
        return terms if self.config.lovasz else {name: terms[name] for name in terms if name != "lovasz"}
