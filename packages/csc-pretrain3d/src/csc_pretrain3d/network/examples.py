"""An example scan for each network, and the networks on plain tensors, as counting and measuring take them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..sparse import SparseTensor
from ..sparse.engine import Engine
from ..sparse.kernel_maps import KernelMap
from .base import CSC
from .config import Config, Cylinder3DConfig, MinkUNetConfig, VoxelNetConfig
from .fast import FastNetwork, for_inference
from .reference import ReferenceNetwork, as_reference

BEAMS, STEPS = 16, 120
"""Rays of the example's LiDAR: one above the other, and around."""


def inputs(config: Config) -> dict[str, Tensor]:
    """Return the voxels of a street corner: {name: tensor} in the order of the arguments of `OnTensors`.

    Coordinates are integers (N, 4), features (N, in channels). Cylinder3D has instead of features its points' own
    (P, in channels) and the voxel of each (P,).
    """
    places, inverse = _cells(config, _street()).unique(dim=0, return_inverse=True)
    coordinates = torch.cat([places.new_zeros(len(places), 1), places], dim=1)
    if isinstance(config, Cylinder3DConfig):
        points = torch.rand(len(inverse), config.in_channels)
        return {"coordinates": coordinates, "points": points, "inverse": inverse}
    return {"coordinates": coordinates, "features": torch.rand(len(places), config.in_channels)}


def _street() -> Tensor:
    """Return points (P, 3) in metres: where rays from 1.8 m above the ground meet it, or a wall 6 to 18 m away."""
    angle = torch.arange(STEPS) * (2 * math.pi / STEPS)
    slope = torch.linspace(-0.5, 0.15, BEAMS)[:, None]
    wall = 12 + 6 * (3 * angle).sin()
    reach = torch.where(slope < 0, torch.minimum(wall, -1.8 / slope.clamp(max=-1e-3)), wall)
    rays = torch.stack([reach * angle.cos(), reach * angle.sin(), reach * slope], dim=-1)
    return rays.flatten(0, 1)


def _cells(config: Config, points: Tensor) -> Tensor:
    """Return the voxel of each point, in the order of the network's coordinates."""
    x, y, z = points.unbind(1)
    distance, angle = (x * x + y * y).sqrt(), torch.atan2(y, x)
    if isinstance(config, MinkUNetConfig):
        if config.cylindrical:
            size = torch.tensor([config.voxel_size, math.pi / 180, config.voxel_size])
            return (torch.stack([distance, angle, z], dim=1) / size).floor().long()
        return (points / config.voxel_size).floor().long()
    if isinstance(config, VoxelNetConfig):
        lowest, size = torch.tensor(config.lowest), torch.tensor(config.voxel_size)
        cells = ((points - lowest) / size).floor().long().flip(1)
    else:
        lowest = torch.tensor(config.lowest)
        size = (torch.tensor(config.highest) - lowest) / (torch.tensor(config.grid) - 1)
        cells = ((torch.stack([distance, angle, z], dim=1) - lowest) / size).floor().long()
    return cells[((cells >= 0) & (cells < torch.tensor(config.grid))).all(dim=1)]


def grid_of(config: Config) -> tuple[int, int, int] | None:
    """Return the size of a network's grid; None where space has no bounds."""
    return None if isinstance(config, MinkUNetConfig) else config.grid


class OnTensors(nn.Module):
    """A network that takes coordinates and features as tensors, and returns one."""

    def __init__(self, network: CSC | FastNetwork | ReferenceNetwork, config: Config) -> None:
        super().__init__()
        self.network, self.config = network, config

    def forward(self, coordinates: Tensor, *given: Tensor) -> Tensor:
        """Return the output: (N, out channels), row for row, or a map."""
        return _run(self.network, self.config, coordinates, given)


def _run(
    network: nn.Module, config: Config, coordinates: Tensor, given: tuple[Tensor, ...], engine: Engine | None = None
) -> Tensor:
    features = given[0].new_empty(len(coordinates), 0) if isinstance(config, Cylinder3DConfig) else given[0]
    voxels = SparseTensor(coordinates, features, spatial_shape=grid_of(config)).on(engine or Engine())
    output = network(voxels, *given) if isinstance(config, Cylinder3DConfig) else network(voxels)
    return output if isinstance(output, Tensor) else output.features


class Counting(Engine):
    """Makes the kernel maps, and multiplies matrices of the right sizes without values."""

    def convolve(self, features: Tensor, weight: Tensor, pairs: KernelMap) -> Tensor:
        """Return a convolution's shape, as a tensor without values."""
        for count, matrix in zip(pairs.counts, weight, strict=True):
            features.new_empty(count, features.shape[1]) @ matrix
        return features.new_empty(len(pairs.target), weight.shape[2])


class OnExample(nn.Module):
    """A network that computes on the example's voxels, whatever tensors it is given: shapes alone are counted."""

    def __init__(self, network: CSC) -> None:
        super().__init__()
        self.network = network

    def forward(self, _: Tensor, *given: Tensor) -> Tensor:
        """Return the output's shape, as a tensor without values."""
        return _run(self.network, self.network.config, inputs(self.network.config)["coordinates"], given, Counting())


def fast_on_tensors(model: CSC, device: torch.device, dtype: torch.dtype) -> OnTensors:
    """Return the fast path on tensors, see `for_inference`."""
    return OnTensors(for_inference(model, device, dtype), model.config)


def reference_on_tensors(model: CSC) -> OnTensors:
    """Return the reference path on tensors, see `as_reference`."""
    return OnTensors(as_reference(model), model.config)
