"""A network on scans: voxels in, and an output for each point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visioncore.errors import InputError

from ..data.network_input import network_inputs, of_points, voxelize
from ..data.voxelization import Voxels
from ..network.bev import sample_bev
from ..network.config import Config, Cylinder3DConfig, VoxelNetConfig
from ..network.fast import FastNetwork
from ..network.panoptic_config import PanopticConfig
from .panoptic import panoptic_points
from .point_outputs import PointOutputs

Cloud = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Points (P, 3) in metres and their intensities (P,)."""
_LAST = {Cylinder3DConfig: "logits", PanopticConfig: "voxel_sem_head"}
"""Name of the last layer of a network, where it is not called final."""


@torch.no_grad()
def run_scans(
    network: FastNetwork,
    config: Config | PanopticConfig,
    scans: Sequence[Cloud],
    device: torch.device,
    *,
    suppressed: bool = False,
) -> list[PointOutputs]:
    """Return the output of a network for scans that go through it together, in float32.

    Args:
        network: as `for_inference` returns it, on the device.
        config: its settings.
        scans: at least one.
        device: where the network is.
        suppressed: of a panoptic network, whether no instance and no voxel may be of the ignored class.

    Raises:
        InputError: if a scan does not fit the network, see `voxelize`.
    """
    cells = config.backbone if isinstance(config, PanopticConfig) else config
    voxels = [voxelize(points, intensity, cells) for points, intensity in scans]
    before: list[Tensor] = []
    last_layer = network.network.get_submodule(_LAST.get(type(config), "final"))
    hook = last_layer.register_forward_pre_hook(lambda _, given: before.append(given[0].features))
    try:
        found = network(*network_inputs(voxels, cells, device))
    finally:
        hook.remove()
    if isinstance(config, PanopticConfig):
        return panoptic_points(found, before[0], config, voxels, suppressed=suppressed)
    if isinstance(found, Tensor):
        assert isinstance(config, VoxelNetConfig)
        return [_from_map(found, config, place, scans[place][0], each) for place, each in enumerate(voxels)]
    sizes = [len(each.coordinates) for each in voxels]
    if len(found.features) != sum(sizes):
        raise InputError("these weights return voxels coarser than their input, which are no points' own; use others")
    rows, last = found.features.float().split(sizes), before[0].float().split(sizes)
    return [
        PointOutputs(
            of_points(of_voxels, each.inverse),
            of_points(of_last if config.classes else of_voxels, each.inverse),
            each.inverse >= 0,
        )
        for of_voxels, of_last, each in zip(rows, last, voxels, strict=True)
    ]


def _from_map(
    bev: Tensor, config: VoxelNetConfig, place: int, points: NDArray[np.float32], voxels: Voxels
) -> PointOutputs:
    """Return the output that points read from a bird's-eye map."""
    at = torch.from_numpy(points).to(bev.device)
    read = sample_bev(bev.float(), at, torch.full((len(at),), place, device=bev.device), config)
    inside = voxels.inverse >= 0
    outputs = torch.where(torch.from_numpy(inside).to(bev.device)[:, None], read, 0)
    return PointOutputs(outputs, outputs, inside)
