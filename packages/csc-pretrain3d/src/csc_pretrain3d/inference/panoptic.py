"""A panoptic network on scans: the class and the instance of each point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..data.network_input import of_points
from ..data.voxelization import Voxels
from ..network.panoptic import PanopticOutput
from ..network.panoptic_config import PanopticConfig
from .instances import INSTANCE, segment_instances
from .point_outputs import PointOutputs


def panoptic_points(
    output: PanopticOutput, features: Tensor, config: PanopticConfig, scans: Sequence[Voxels], *, suppressed: bool
) -> list[PointOutputs]:
    """Return the output for the points of scans that went through a panoptic network together.

    Its class "none" becomes class 0, and the others follow.

    Args:
        output: of the network.
        features: of the voxels (N, F), before its last layer.
        config: its settings.
        scans: their voxels.
        suppressed: never give a voxel the class "none".
    """
    sizes = [len(each.coordinates) for each in scans]
    found = []
    for place, (logits, own, voxels) in enumerate(
        zip(output.logits.split(sizes), features.float().split(sizes), scans, strict=True)
    ):
        seen = (
            logits.index_fill(1, torch.tensor(config.ignore, device=logits.device), -np.inf) if suppressed else logits
        )
        coordinates = torch.from_numpy(voxels.coordinates).to(logits.device)
        heat, offset = output.centre[place, 0], output.offset[place]
        labels = segment_instances(seen, coordinates, heat, offset, things=config.things)
        classes, instances = (labels % INSTANCE + 1) % config.classes, labels // INSTANCE
        both = torch.stack([classes, instances], dim=1)[torch.from_numpy(voxels.inverse).to(logits.device)]
        found.append(
            PointOutputs(
                of_points(logits.roll(1, dims=1), voxels.inverse),
                of_points(own, voxels.inverse),
                voxels.inverse >= 0,
                both.cpu().numpy(),
            )
        )
    return found
