"""MinkUNet and VoxelNet built of spconv's layers, under the published names, to be measured beside ours."""

from __future__ import annotations

import spconv.pytorch as spconv
import torch
from torch import Tensor, nn

from csc_pretrain3d import MinkUNet, VoxelNet
from csc_pretrain3d.network.published import to_published
from csc_pretrain3d.network.voxelnet import WIDTHS


class Block(nn.Module):
    """A residual block."""

    def __init__(self, channels: int, width: int, level: int) -> None:
        super().__init__()
        self.conv1 = subm(channels, width, level)
        self.norm1 = nn.BatchNorm1d(width)
        self.conv2 = subm(width, width, level)
        self.norm2 = nn.BatchNorm1d(width)
        self.downsample = None
        if channels != width:
            self.downsample = spconv.SparseSequential(
                spconv.SubMConv3d(channels, width, 1, bias=False), nn.BatchNorm1d(width)
            )

    def forward(self, x: spconv.SparseConvTensor) -> spconv.SparseConvTensor:
        """Return the block's output."""
        y = self.conv1(x)
        y = self.conv2(y.replace_feature(self.norm1(y.features).relu()))
        kept = x if self.downsample is None else self.downsample(x)
        return y.replace_feature((self.norm2(y.features) + kept.features).relu())


def subm(channels: int, width: int, level: int) -> nn.Module:
    """Return a convolution at the sites of a level."""
    return spconv.SubMConv3d(channels, width, 3, bias=False, indice_key=f"subm{level}")


class SpconvMinkUNet(nn.Module):
    """Res16UNet34C: the lattice is that of strided convolutions with kernel 2, once moved by multiples of 16."""

    def __init__(self, model: MinkUNet) -> None:
        super().__init__()
        c = model.config
        self.conv0p1s1, self.bn0 = subm(c.in_channels, c.stem, 0), nn.BatchNorm1d(c.stem)
        skips, channels = [c.stem, *c.widths[:3]], c.stem
        for stage in range(1, 5):
            down = spconv.SparseConv3d(channels, channels, 2, 2, bias=False, indice_key=f"down{stage}")
            setattr(self, f"conv{stage}p{2 ** (stage - 1)}s2", down)
            setattr(self, f"bn{stage}", nn.BatchNorm1d(channels))
            channels = self._stage(stage, channels, c.widths[stage - 1], c.blocks[stage - 1], stage)
        for stage in range(4, 8):
            width = c.widths[stage]
            up = spconv.SparseInverseConv3d(channels, width, 2, indice_key=f"down{8 - stage}", bias=False)
            setattr(self, f"convtr{stage}p{2 ** (8 - stage)}s2", up)
            setattr(self, f"bntr{stage}", nn.BatchNorm1d(width))
            channels = self._stage(stage + 1, width + skips.pop(), width, c.blocks[stage], 7 - stage)
        self.final = spconv.SubMConv3d(channels, c.out_channels, 1, bias=True)
        self.load_state_dict(to_published(model, "spconv2"))

    def _stage(self, stage: int, channels: int, width: int, blocks: int, level: int) -> int:
        each = [Block(channels, width, level), *(Block(width, width, level) for _ in range(blocks - 1))]
        setattr(self, f"block{stage}", nn.Sequential(*each))
        return width

    def forward(self, x: spconv.SparseConvTensor) -> Tensor:
        """Return the outputs of all voxels."""
        x = activated(self.bn0, self.conv0p1s1(x))
        kept = [x]
        for stage in range(1, 5):
            x = activated(getattr(self, f"bn{stage}"), getattr(self, f"conv{stage}p{2 ** (stage - 1)}s2")(x))
            x = getattr(self, f"block{stage}")(x)
            kept.append(x)
        kept.pop()
        for stage in range(4, 8):
            x = activated(getattr(self, f"bntr{stage}"), getattr(self, f"convtr{stage}p{2 ** (8 - stage)}s2")(x))
            x = x.replace_feature(torch.cat([x.features, kept.pop().features], dim=1))
            x = getattr(self, f"block{stage + 1}")(x)
        features = self.final(x).features
        return features / features.norm(dim=1, keepdim=True)


def activated(norm: nn.Module, x: spconv.SparseConvTensor) -> spconv.SparseConvTensor:
    """Return the tensor normalised and without its negative features."""
    return x.replace_feature(norm(x.features).relu())


class SpconvVoxelNet(nn.Module):
    """VoxelBackBone8x."""

    def __init__(self, model: VoxelNet) -> None:
        super().__init__()
        c = model.config
        w0, w1, w2, w3, w4 = WIDTHS
        self.conv_input = _layer(spconv.SubMConv3d(c.in_channels, w0, 3, bias=False, indice_key="subm1"))
        self.conv1 = nn.Sequential(_layer(spconv.SubMConv3d(w0, w0, 3, bias=False, indice_key="subm1")))
        sides = zip((2, 3, 4), (w0, w1, w2), (w1, w2, w3), (1, 1, (0, 1, 1)), strict=True)
        for stage, channels, width, padding in sides:
            down = spconv.SparseConv3d(channels, width, 3, 2, padding, bias=False, indice_key=f"down{stage}")
            same = [_layer(spconv.SubMConv3d(width, width, 3, bias=False, indice_key=f"subm{stage}")) for _ in range(2)]
            setattr(self, f"conv{stage}", nn.Sequential(_layer(down), *same))
        self.conv_out = _layer(spconv.SparseConv3d(w3, w4, (3, 1, 1), (2, 1, 1), 0, bias=False, indice_key="out"))
        self.final = spconv.SubMConv3d(w4, c.out_channels, 1, bias=False)
        self.load_state_dict(to_published(model))

    def forward(self, x: spconv.SparseConvTensor) -> Tensor:
        """Return the bird's-eye map."""
        for name in ("conv_input", "conv1", "conv2", "conv3", "conv4", "conv_out", "final"):
            x = getattr(self, name)(x)
        x = x.replace_feature(nn.functional.normalize(x.features, dim=1))
        return x.dense().flatten(1, 2)


def _layer(convolution: nn.Module) -> nn.Module:
    norm = nn.BatchNorm1d(convolution.out_channels, eps=1e-3, momentum=0.01)
    return spconv.SparseSequential(convolution, norm, nn.ReLU())


def minkunet_input(coordinates: Tensor, features: Tensor) -> spconv.SparseConvTensor:
    """Return MinkUNet's voxels on a bounded grid, moved by a multiple of the largest stride."""
    moved = coordinates.int()
    moved[:, 1:] -= moved[:, 1:].amin(dim=0).div(16, rounding_mode="floor") * 16
    shape = [(int(side) // 16 + 1) * 16 for side in moved[:, 1:].amax(dim=0)]
    return spconv.SparseConvTensor(features, moved.contiguous(), shape, int(moved[:, 0].max()) + 1)


def voxelnet_input(coordinates: Tensor, features: Tensor, model: VoxelNet) -> spconv.SparseConvTensor:
    """Return VoxelNet's voxels."""
    samples = int(coordinates[:, 0].max()) + 1
    return spconv.SparseConvTensor(features, coordinates.int().contiguous(), list(model.config.grid), samples)
