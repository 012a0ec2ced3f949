"""VoxelNet: the detection backbone VoxelBackBone8x on a bounded grid, in spconv's dialect, and its decoders."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from visioncore.errors import InputError

from ..sparse import SparseConv3d, SparseInverseConv3d, SparseSequential, SparseTensor, SubMConv3d
from ..sparse.sites import Triple
from .base import CSC
from .config import UPSAMPLINGS, VoxelNetConfig
from .minkunet import check_channels

WIDTHS = (16, 32, 64, 64, 128)
"""Channels of the input's level, of the three below it, and of the last."""

_DECODERS = {1: (), 2: (64,), 4: (64, 64), 8: (64, 64, 64), 16: (128, 64, 64, 64)}
"""Channels of each decoder's layers."""

_STRIDED: dict[str, tuple[Triple, Triple, Triple]] = {
    "conv_out": ((3, 1, 1), (2, 1, 1), (0, 0, 0)),
    "conv4": ((3, 3, 3), (2, 2, 2), (0, 1, 1)),
    "conv3": ((3, 3, 3), (2, 2, 2), (1, 1, 1)),
    "conv2": ((3, 3, 3), (2, 2, 2), (1, 1, 1)),
}
"""Kernel, stride and padding of the convolution that begins a stage, from the last stage up."""


class VoxelNet(CSC):
    """The backbone of detection: voxels in, a bird's-eye map out; or voxels, from a decoder.

    Args:
        config: the settings, or the name of a published variant such as ``voxelnet``, the default.

    Example:
        >>> coordinates = torch.tensor([[0, 20, 500, 512], [0, 21, 501, 512], [1, 3, 40, 7]])
        >>> VoxelNet().eval()(SparseTensor(coordinates, torch.rand(3, 4), spatial_shape=(40, 1024, 1024))).shape
        torch.Size([2, 64, 128, 128])
    """

    config_class = VoxelNetConfig
    config: VoxelNetConfig

    def __init__(self, config: VoxelNetConfig | str | None = None) -> None:
        super().__init__(config)
        c = self.config
        w0, w1, w2, w3, w4 = WIDTHS
        self.conv_input = _subm(c.in_channels, w0)
        self.conv1 = nn.Sequential(_subm(w0, w0))
        self.conv2 = nn.Sequential(_strided("conv2", w0, w1), _subm(w1, w1), _subm(w1, w1))
        self.conv3 = nn.Sequential(_strided("conv3", w1, w2), _subm(w2, w2), _subm(w2, w2))
        self.conv4 = nn.Sequential(_strided("conv4", w2, w3), _subm(w3, w3), _subm(w3, w3))
        self.conv_out = _strided("conv_out", w3, w4)
        layers: list[nn.Module] = []
        channels = w4
        for name, width in zip(_STRIDED, _DECODERS[c.upsample], strict=False):
            back = SparseInverseConv3d(channels, width, _STRIDED[name][0], indice_key=name)
            layers += [back, _norm(width), nn.ReLU()]
            channels = width
        self.decoder = SparseSequential(*layers)
        self.final = SubMConv3d(channels, c.out_channels, 1, bias=False)

    def forward(self, voxels: SparseTensor) -> Tensor | SparseTensor:
        """Return a bird's-eye map (B, out channels x levels, rows, columns), or the voxels' outputs.

        Rows run along y and columns along x. Each voxel's output has length 1; several levels of height, which only a
        decoder leaves, are folded into the channels. Where the configuration is not ``compressed``, voxels come back
        as a sparse tensor: with ``upsample`` 16 those of the input in the order of its rows.

        Args:
            voxels: coordinates (batch, z, y, x) within ``config.grid``, features (N, in channels).

        Raises:
            InputError: if the features have another number of channels, or the grid is another.
        """
        check_channels(voxels, self.config.in_channels)
        if voxels.spatial_shape is None or tuple(voxels.spatial_shape) != self.config.grid:
            raise InputError(f"the voxels' spatial_shape is {voxels.spatial_shape}; it must be {self.config.grid}")
        x = self.conv1(self.conv_input(voxels))
        x = self.conv_out(self.conv4(self.conv3(self.conv2(x))))
        x = self.final(self.decoder(x))
        x = x.replace(F.normalize(x.features, dim=1))
        return x.dense().flatten(1, 2) if self.config.compressed else x


def _norm(channels: int) -> nn.BatchNorm1d:
    return nn.BatchNorm1d(channels, eps=1e-3, momentum=0.01)


def _subm(in_channels: int, out_channels: int) -> SparseSequential:
    return SparseSequential(SubMConv3d(in_channels, out_channels, 3, bias=False), _norm(out_channels), nn.ReLU())


def _strided(name: str, in_channels: int, out_channels: int) -> SparseSequential:
    layer = SparseConv3d(in_channels, out_channels, *_STRIDED[name], bias=False, indice_key=name)
    return SparseSequential(layer, _norm(out_channels), nn.ReLU())


assert tuple(_DECODERS) == UPSAMPLINGS
