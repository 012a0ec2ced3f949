"""Cylinder3D: points to features of the cells of a cylinder, then an asymmetric U-Net, in spconv's dialect."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from visioncore.errors import InputError

from ..sparse import SparseTensor, SubMConv3d
from .asymmetric_blocks import ContextBlock, DownBlock, GateBlock, UpBlock
from .base import CSC
from .config import Cylinder3DConfig


class Cylinder3D(CSC):
    """The panoptic network's backbone: one feature vector for each cell that holds points.

    Args:
        config: the settings, or the name of a published variant, ``cylinder3d`` by default.

    Example:
        >>> coordinates = torch.tensor([[0, 100, 350, 8], [0, 100, 351, 8]])
        >>> voxels = SparseTensor(coordinates, torch.empty(2, 0), spatial_shape=(480, 360, 32))
        >>> points, inverse = torch.rand(5, 4), torch.tensor([0, 1, 1, 0, 0])
        >>> Cylinder3D().eval()(voxels, points, inverse).features.shape
        torch.Size([2, 64])
    """

    config_class = Cylinder3DConfig
    config: Cylinder3DConfig

    def __init__(self, config: Cylinder3DConfig | str | None = None) -> None:
        super().__init__(config)
        c, width = self.config, self.config.width
        first, second, third = c.point_widths
        self.PPmodel = nn.Sequential(
            nn.BatchNorm1d(c.in_channels),
            *(nn.Linear(c.in_channels, first), nn.BatchNorm1d(first), nn.ReLU()),
            *(nn.Linear(first, second), nn.BatchNorm1d(second), nn.ReLU()),
            *(nn.Linear(second, third), nn.BatchNorm1d(third), nn.ReLU()),
            nn.Linear(third, c.point_channels),
        )
        self.fea_compression = nn.Sequential(nn.Linear(c.point_channels, c.compressed_channels), nn.ReLU())
        self.downCntx = ContextBlock(c.compressed_channels, width)
        self.resBlock2 = DownBlock(width, 2 * width, (2, 2, 2), "down2")
        self.resBlock3 = DownBlock(2 * width, 4 * width, (2, 2, 2), "down3")
        self.resBlock4 = DownBlock(4 * width, 8 * width, (2, 2, 1), "down4")
        self.resBlock5 = DownBlock(8 * width, 16 * width, (2, 2, 1), "down5")
        self.upBlock0 = UpBlock(16 * width, 16 * width, "down5")
        self.upBlock1 = UpBlock(16 * width, 8 * width, "down4")
        self.upBlock2 = UpBlock(8 * width, 4 * width, "down3")
        self.upBlock3 = UpBlock(4 * width, 2 * width, "down2")
        self.ReconNet = GateBlock(2 * width)
        self.logits = SubMConv3d(4 * width, c.out_channels, 3)

    def forward(
        self, voxels: SparseTensor, points: Tensor | None = None, inverse: Tensor | None = None
    ) -> SparseTensor:
        """Return the cells' outputs (N, out channels), in the order of the voxels; of any length.

        Args:
            voxels: coordinates (batch, distance, angle, height) within ``config.grid``. Their features do not count
                where points are given; else they are those that `pool` makes, (N, compressed channels).
            points: (P, in channels), of all samples: distance, angle, height and intensity.
            inverse: (P,) voxel of each point.

        Raises:
            InputError: if the grid or a number of channels is another, or one of the last two is missing.
        """
        if voxels.spatial_shape is None or tuple(voxels.spatial_shape) != self.config.grid:
            raise InputError(f"the voxels' spatial_shape is {voxels.spatial_shape}; it must be {self.config.grid}")
        if points is not None and inverse is not None:
            voxels = voxels.replace(self.pool(points, inverse, len(voxels.coordinates)))
        elif voxels.features.shape[1] != self.config.compressed_channels or points is not None:
            raise InputError(
                f"the voxels have {voxels.features.shape[1]} features; give points and their voxels, or the "
                f"{self.config.compressed_channels} features that are pooled from them"
            )
        joined: SparseTensor = self.logits(self.joined(voxels))
        return joined

    def pool(self, points: Tensor, inverse: Tensor, count: int) -> Tensor:
        """Return the features (N, compressed channels) of cells: the largest of each channel over their points.

        Args:
            points: (P, in channels).
            inverse: (P,) cell of each point, from 0 to N - 1; each has at least one.
            count: N.

        Raises:
            InputError: if the points have another number of channels or there are not as many cells.
        """
        if points.ndim != 2 or points.shape[1] != self.config.in_channels or len(points) != len(inverse):
            raise InputError(
                f"points have shape {tuple(points.shape)} and {len(inverse)} voxels; it must be "
                f"(P, {self.config.in_channels}) with one voxel for each"
            )
        each = self.PPmodel(points.to(self.logits.weight.dtype))
        rows = inverse[:, None].expand(-1, each.shape[1])
        largest = each.new_zeros(count, each.shape[1]).scatter_reduce(0, rows, each, "amax", include_self=False)
        pooled: Tensor = self.fea_compression(largest)
        return pooled

    def joined(self, voxels: SparseTensor) -> SparseTensor:
        """Return the U-Net's features (N, 4 x width) before the last layer: with gates, then without."""
        x, skips = self.downCntx(voxels), []
        for block in (self.resBlock2, self.resBlock3, self.resBlock4, self.resBlock5):
            x, skip = block.down(x)
            skips.append(skip)
        for up in (self.upBlock0, self.upBlock1, self.upBlock2, self.upBlock3):
            x = up(x, skips.pop())
        return x.replace(torch.cat([self.ReconNet(x).features, x.features], dim=1))
