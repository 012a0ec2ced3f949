"""The input of a network: the voxels of scans, cut as its configuration says, in one sparse tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..network.config import Config, Cylinder3DConfig, MinkUNetConfig, VoxelNetConfig
from ..sparse import SparseTensor
from .voxelization import Voxels, voxelize_cylinder3d, voxelize_minkunet, voxelize_voxelnet


def voxelize(points: NDArray[np.float32], intensity: NDArray[np.float32], config: Config) -> Voxels:
    """Return the voxels that a network takes of a scan.

    Args:
        points: (P, 3) in metres.
        intensity: (P,) in the scale that the network was trained with.
        config: of the network.

    Raises:
        InputError: if no point is inside its grid, or one is too far away.
    """
    match config:
        case MinkUNetConfig():
            return voxelize_minkunet(
                points,
                intensity,
                voxel_size=config.voxel_size,
                cylindrical=config.cylindrical,
                intensity_offset=config.intensity_shift,
            )
        case VoxelNetConfig():
            return voxelize_voxelnet(
                points,
                intensity,
                voxel_size=config.voxel_size,
                low=config.lowest,
                high=config.highest,
                most_points=config.points_per_voxel,
                most_voxels=config.most_voxels,
            )
        case Cylinder3DConfig():
            return voxelize_cylinder3d(points, intensity, grid=config.grid, low=config.lowest, high=config.highest)


def network_inputs(
    scans: Sequence[Voxels], config: Config, device: torch.device | str = "cpu"
) -> tuple[SparseTensor] | tuple[SparseTensor, Tensor, Tensor]:
    """Return the input of a network for several scans: their voxels one after the other in one sparse tensor.

    A Cylinder3D also takes their points (P, 4) and the voxel of each (P,).

    Args:
        scans: at least one.
        config: of the network.
        device: where the tensors are to lie.
    """
    coordinates = np.concatenate([with_batch(each.coordinates, place) for place, each in enumerate(scans)])
    features = torch.from_numpy(np.concatenate([each.features for each in scans])).to(device)
    pooled = isinstance(config, Cylinder3DConfig)
    voxels = SparseTensor(
        torch.from_numpy(coordinates).to(device),
        features.new_empty(len(coordinates), 0) if pooled else features,
        spatial_shape=None if isinstance(config, MinkUNetConfig) else config.grid,
        batch_size=len(scans),
    )
    if not pooled:
        return (voxels,)
    starts = np.cumsum([0, *(len(each.coordinates) for each in scans)])
    inverse = np.concatenate([each.inverse + start for each, start in zip(scans, starts, strict=False)])
    return voxels, features, torch.from_numpy(inverse).to(device)


def with_batch(coordinates: NDArray[np.int32], place: int) -> NDArray[np.int32]:
    """Return coordinates (N, 3) with their place in the batch before them (N, 4)."""
    return np.pad(coordinates, ((0, 0), (1, 0)), constant_values=place)


def of_points(rows: Tensor, inverse: NDArray[np.int64]) -> Tensor:
    """Return the row of each point's voxel (P, C); zeros for points outside the grid.

    Args:
        rows: of a scan's voxels (N, C).
        inverse: voxel of each point (P,), -1 for one outside.
    """
    index = torch.from_numpy(inverse).to(rows.device)
    return torch.where((index >= 0)[:, None], rows[index.clamp(min=0)], 0)
