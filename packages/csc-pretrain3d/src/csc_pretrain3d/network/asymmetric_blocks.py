"""The blocks of Cylinder3D: kernels that are flat along distance or angle, as cells of a cylinder are.

Everywhere a convolution is followed by the leaky ReLU, then by the norm.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from ..sparse import SparseConv3d, SparseInverseConv3d, SparseTensor, SubMConv3d
from ..sparse.sites import Triple

AROUND: Triple = (1, 3, 3)
"""A kernel along angle and height."""
OUTWARDS: Triple = (3, 1, 3)
"""A kernel along distance and height."""


class LeakyThenNorm(nn.Module):
    """The leaky ReLU, and a norm behind it."""

    def forward(self, x: SparseTensor, norm: nn.Module) -> SparseTensor:
        return x.replace(norm(F.leaky_relu(x.features)))


class ContextBlock(nn.Module):
    """Two ways of two flat kernels each, in opposite order, added up.

    Args:
        channels_in: of the input.
        channels: of the output.
        first: the kernel that the first way begins with and the second ends with.
        second: the other one.
    """

    def __init__(self, channels_in: int, channels: int, first: Triple = AROUND, second: Triple = OUTWARDS) -> None:
        super().__init__()
        self.conv1 = SubMConv3d(channels_in, channels, first, bias=False)
        self.conv1_2 = SubMConv3d(channels, channels, second, bias=False)
        self.conv2 = SubMConv3d(channels_in, channels, second, bias=False)
        self.conv3 = SubMConv3d(channels, channels, first, bias=False)
        self.act = LeakyThenNorm()
        self.bn0, self.bn0_2, self.bn1, self.bn2 = (nn.BatchNorm1d(channels) for _ in range(4))

    def forward(self, x: SparseTensor) -> SparseTensor:
        one = self.act(self.conv1_2(self.act(self.conv1(x), self.bn0)), self.bn0_2)
        other = self.act(self.conv3(self.act(self.conv2(x), self.bn1)), self.bn2)
        return one.replace(one.features + other.features)


class DownBlock(ContextBlock):
    """A context block, and a strided convolution behind it.

    Args:
        channels_in: of the input.
        channels: of both outputs.
        stride: of the convolution.
        name: under which `UpBlock` finds the way back.
    """

    def __init__(self, channels_in: int, channels: int, stride: Triple, name: str) -> None:
        super().__init__(channels_in, channels, OUTWARDS, AROUND)
        self.pool = SparseConv3d(channels, channels, 3, stride=stride, padding=1, bias=False, indice_key=name)

    def down(self, x: SparseTensor) -> tuple[SparseTensor, SparseTensor]:
        """Return the coarser level, and this one for the way back."""
        skip = self(x)
        return self.pool(skip), skip


class UpBlock(nn.Module):
    """Back to a finer level, whose features are added.

    Args:
        channels_in: of the coarser level.
        channels: of the finer level and of the output.
        name: of the strided convolution that led down.
    """

    def __init__(self, channels_in: int, channels: int, name: str) -> None:
        super().__init__()
        self.trans_dilao = SubMConv3d(channels_in, channels, 3, bias=False)
        self.up_subm = SparseInverseConv3d(channels, channels, 3, indice_key=name, bias=False)
        self.conv1 = SubMConv3d(channels, channels, AROUND, bias=False)
        self.conv2 = SubMConv3d(channels, channels, OUTWARDS, bias=False)
        self.conv3 = SubMConv3d(channels, channels, 3, bias=False)
        self.act = LeakyThenNorm()
        self.trans_bn, self.bn1, self.bn2, self.bn3 = (nn.BatchNorm1d(channels) for _ in range(4))

    def forward(self, x: SparseTensor, skip: SparseTensor) -> SparseTensor:
        x = self.up_subm(self.act(self.trans_dilao(x), self.trans_bn))
        x = x.replace(x.features + skip.features)
        for layer, norm in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            x = self.act(layer(x), norm)
        return x


class GateBlock(nn.Module):
    """A factor for each feature: how much of it the neighbours along each axis let through, summed over the axes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = SubMConv3d(channels, channels, (3, 1, 1), bias=False)
        self.bn0 = nn.BatchNorm1d(channels)
        self.conv1_2 = SubMConv3d(channels, channels, (1, 3, 1), bias=False)
        self.bn0_2 = nn.BatchNorm1d(channels)
        self.conv1_3 = SubMConv3d(channels, channels, (1, 1, 3), bias=False)
        self.bn0_3 = nn.BatchNorm1d(channels)

    def forward(self, x: SparseTensor) -> SparseTensor:
        axes = ((self.conv1, self.bn0), (self.conv1_2, self.bn0_2), (self.conv1_3, self.bn0_3))
        gates = torch.stack([norm(layer(x).features).sigmoid() for layer, norm in axes])
        return x.replace(gates.sum(0) * x.features)
