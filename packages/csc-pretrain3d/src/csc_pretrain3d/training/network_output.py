"""A LiDAR network in training: a batch in, and a vector for each wanted point out."""

from __future__ import annotations

from torch import Tensor

from ..network.bev import sample_bev
from ..network.config import Cylinder3DConfig, VoxelNetConfig
from ..network.model import CSC
from ..sparse import SparseTensor

Batch = dict[str, Tensor]


def network_inputs(config: object, batch: Batch) -> tuple[SparseTensor, Tensor | None, Tensor | None]:
    """Return the voxels of a batch of `data.batch`, and for Cylinder3D its points and their voxels.

    Args:
        config: of the network.
        batch: of `collate`.
    """
    points_inside = isinstance(config, Cylinder3DConfig)
    coordinates, features = batch["coordinates"], batch["features"]
    of_voxels = features.new_empty(len(coordinates), 0) if points_inside else features
    shape, scans = getattr(config, "grid", None), int(batch["scans"])
    voxels = SparseTensor(coordinates, of_voxels, spatial_shape=shape, batch_size=scans)
    return (voxels, features, batch["inverse"]) if points_inside else (voxels, None, None)


def run_network(network: CSC, batch: Batch) -> SparseTensor | Tensor:
    """Return the output of a network for a batch: of its voxels, or a bird's-eye map."""
    voxels, *points = network_inputs(network.config, batch)
    found: SparseTensor | Tensor = network(voxels, *(points if points[0] is not None else ()))
    return found


def rows_of_points(network: CSC, batch: Batch, chosen: Tensor) -> Tensor:
    """Return the features (M, C) of chosen points of a batch.

    Args:
        network: of any kind.
        batch: of `collate`.
        chosen: (M,) indices of points in the batch.
    """
    found = run_network(network, batch)
    if isinstance(found, SparseTensor):
        rows: Tensor = found.features[batch["inverse"][chosen]]
        return rows
    assert isinstance(network.config, VoxelNetConfig)
    return sample_bev(found, batch["points"][chosen], batch["point_scan"][chosen], network.config)
