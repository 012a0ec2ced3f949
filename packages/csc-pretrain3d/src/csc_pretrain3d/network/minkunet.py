"""MinkUNet: the residual U-Net Res16UNet34C on unbounded sparse voxels, in MinkowskiEngine's dialect."""

from __future__ import annotations

from torch import nn

from visioncore.errors import InputError

from ..sparse import MinkowskiBatchNorm, MinkowskiConvolution, MinkowskiConvolutionTranspose, SparseTensor
from ..sparse.joining import added, rectified, side_by_side
from .base import CSC
from .config import MinkUNetConfig


class BasicBlock(nn.Module):
    """Two convolutions and what they are added to; a third fits that where the widths differ."""

    def __init__(self, in_channels: int, out_channels: int, norm_momentum: float) -> None:
        super().__init__()
        self.conv1 = MinkowskiConvolution(in_channels, out_channels, 3)
        self.norm1 = MinkowskiBatchNorm(out_channels)
        self.conv2 = MinkowskiConvolution(out_channels, out_channels, 3)
        self.norm2 = MinkowskiBatchNorm(out_channels)
        self.downsample = None
        if in_channels != out_channels:
            fit = MinkowskiConvolution(in_channels, out_channels, 1)
            self.downsample = nn.Sequential(fit, MinkowskiBatchNorm(out_channels, norm_momentum))

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Return the block's output at the same voxels."""
        y = relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        kept = x if self.downsample is None else self.downsample(x)
        return relu(y.replace(added(y.features, kept.features)))


def relu(x: SparseTensor) -> SparseTensor:
    """Return the tensor without its negative features."""
    return x.replace(rectified(x.features))


class MinkUNet(CSC):
    """The network of semantic segmentation: voxels in, a vector for each of them out.

    Args:
        config: the settings, or the name of a published variant such as ``minkunet-nuscenes``; default: pre-training's.

    Example:
        >>> coordinates = torch.tensor([[0, 4, -2, 7], [0, 4, -1, 7], [1, 0, 0, 0]])
        >>> MinkUNet().eval()(SparseTensor(coordinates, torch.rand(3, 1))).features.shape
        torch.Size([3, 64])
    """

    config_class = MinkUNetConfig
    config: MinkUNetConfig

    def __init__(self, config: MinkUNetConfig | str | None = None) -> None:
        super().__init__(config)
        c = self.config
        widths, blocks, momentum = c.widths, c.blocks, c.norm_momentum

        def down(channels: int) -> MinkowskiConvolution:
            return MinkowskiConvolution(channels, channels, 2, stride=2)

        def norm(channels: int) -> MinkowskiBatchNorm:
            return MinkowskiBatchNorm(channels, momentum)

        def stage(index: int, in_channels: int) -> nn.Sequential:
            first = BasicBlock(in_channels, widths[index], momentum)
            others = (BasicBlock(widths[index], widths[index], momentum) for _ in range(blocks[index] - 1))
            return nn.Sequential(first, *others)

        def up(in_channels: int, out_channels: int) -> MinkowskiConvolutionTranspose:
            return MinkowskiConvolutionTranspose(in_channels, out_channels, 2, stride=2)

        self.conv0p1s1, self.bn0 = MinkowskiConvolution(c.in_channels, c.stem, c.kernel_size), norm(c.stem)
        self.conv1p1s2, self.bn1, self.block1 = down(c.stem), norm(c.stem), stage(0, c.stem)
        self.conv2p2s2, self.bn2, self.block2 = down(widths[0]), norm(widths[0]), stage(1, widths[0])
        self.conv3p4s2, self.bn3, self.block3 = down(widths[1]), norm(widths[1]), stage(2, widths[1])
        self.conv4p8s2, self.bn4, self.block4 = down(widths[2]), norm(widths[2]), stage(3, widths[2])
        self.convtr4p16s2, self.bntr4 = up(widths[3], widths[4]), norm(widths[4])
        self.block5 = stage(4, widths[4] + widths[2])
        self.convtr5p8s2, self.bntr5 = up(widths[4], widths[5]), norm(widths[5])
        self.block6 = stage(5, widths[5] + widths[1])
        self.convtr6p4s2, self.bntr6 = up(widths[5], widths[6]), norm(widths[6])
        self.block7 = stage(6, widths[6] + widths[0])
        self.convtr7p2s2, self.bntr7 = up(widths[6], widths[7]), norm(widths[7])
        self.block8 = stage(7, widths[7] + c.stem)
        self.final = MinkowskiConvolution(widths[7], c.out_channels, 1, bias=True)

    def forward(self, voxels: SparseTensor) -> SparseTensor:
        """Return the outputs (N, out channels) of all voxels, in the order of the input's rows.

        Args:
            voxels: coordinates (batch, distance, angle, height) or (batch, x, y, z), features (N, in channels); no
                bounds.

        Raises:
            InputError: if the features have another number of channels, or coordinates repeat or lie too far apart.
        """
        check_channels(voxels, self.config.in_channels)
        p1 = relu(self.bn0(self.conv0p1s1(voxels)))
        b1 = self.block1(relu(self.bn1(self.conv1p1s2(p1))))
        b2 = self.block2(relu(self.bn2(self.conv2p2s2(b1))))
        b3 = self.block3(relu(self.bn3(self.conv3p4s2(b2))))
        b4 = self.block4(relu(self.bn4(self.conv4p8s2(b3))))
        x = self.block5(side_by_side(relu(self.bntr4(self.convtr4p16s2(b4))), b3))
        x = self.block6(side_by_side(relu(self.bntr5(self.convtr5p8s2(x))), b2))
        x = self.block7(side_by_side(relu(self.bntr6(self.convtr6p4s2(x))), b1))
        x = self.block8(side_by_side(relu(self.bntr7(self.convtr7p2s2(x))), p1))
        x = self.final(x)
        return x.replace(x.features / x.features.norm(dim=1, keepdim=True)) if self.config.normalised else x


def check_channels(voxels: SparseTensor, channels: int) -> None:
    """Validate a network's input.

    Raises:
        InputError: if its features have another number of channels.
    """
    if voxels.features.shape[1] != channels:
        raise InputError(f"features have shape {tuple(voxels.features.shape)}; it must be (N, {channels})")
