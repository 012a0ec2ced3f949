"""Blocks of the auto-encoder as inference runs them: batch norms in the convolutions, and upsampling within them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import fuse_conv_bn_eval

from visioncore.convolutions.winograd import Winograd3x3
from visioncore.devices import return_memory

from .background import BackgroundPredictor
from .blocks import Down, Residual, Same, Up
from .fast_upsampling import UpsampledConvolution
from .unet import MotionUNet
from .unet_blocks import Block, frame_group_norm, per_frame

WINOGRAD_CHANNELS = 128
"""Narrower maps are convolved directly."""
ON_SMALL_MAPS = ("region_predictor", "pixelwise_flow_predictor")
"""Parts that see small maps alone, where less is gained than the memory of the filters is worth."""
WINOGRAD_WEIGHTS = 2**19
"""Weights at each of nine places; of more of them the filters, which are four times as large, take too long to read."""
WINOGRAD_WEIGHTS_MOTION = 2**15
"""The same in the motion denoiser, whose wide layers see maps of 4x4 and 8x8, where nothing is gained."""


@torch.no_grad()
def fold(network: nn.Module, detours: bool, filters: bool | None = None, most: int = WINOGRAD_WEIGHTS) -> None:
    """Replace the blocks of a network by those that compute the same in fewer operations, in place.

    Args:
        network: in evaluation mode.
        detours: whether fewer multiplications take less time, as on a CPU in float32 or float64.
        filters: whether wide convolutions are among them; default: as ``detours``, but on small maps.
        most: weights that one of these has at each of nine places.
    """
    filters = detours if filters is None else filters
    most = min(most, WINOGRAD_WEIGHTS_MOTION) if isinstance(network, MotionUNet) else most
    for name, child in list(network.named_children()):
        if isinstance(child, Up):
            setattr(network, name, UpsampledConvolution(*_fused(child)) if detours else FoldedUp(child))
        elif isinstance(child, Same):
            setattr(network, name, FoldedSame(child, filters))
        elif isinstance(child, Residual):
            setattr(network, name, FoldedResidual(child, filters))
        elif isinstance(child, Block):
            small = child.proj.weight[..., 0, 0].numel() <= most
            child.proj = convolution(child.proj, relu=False, filtered=filters and small)  # type: ignore[assignment]
            if detours:
                child.__class__ = FastBlock
        elif isinstance(child, BackgroundPredictor) and detours:
            child.__class__ = FastBackground
        else:
            fold(child, detours, filters and name not in ON_SMALL_MAPS, most)
        del child
        return_memory()


class FastBackground(BackgroundPredictor):
    """`BackgroundPredictor` that is folded when it first runs, which it does not where motion is drawn."""

    folded = False

    @torch.no_grad()
    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        """Return the motion of the background, see `BackgroundPredictor`."""
        if not self.folded:
            self.folded = True
            fold(self, detours=True)
        return super().forward(source, driving)


def _fused(block: Same) -> tuple[Tensor, Tensor]:
    conv = fuse_conv_bn_eval(block.conv, block.norm)
    assert conv.bias is not None
    return conv.weight.detach(), conv.bias.detach()


def convolution(conv: nn.Conv2d, relu: bool, filtered: bool) -> nn.Module:
    """Return a convolution, with a ReLU behind it where asked for, ``filtered`` if that may be and pays off."""
    wide = min(conv.weight.shape[:2]) >= WINOGRAD_CHANNELS and conv.weight[..., 0, 0].numel() <= WINOGRAD_WEIGHTS
    if filtered and wide and conv.kernel_size == (3, 3):
        bias = None if conv.bias is None else conv.bias.detach()
        return Winograd3x3(conv.weight.detach(), bias, 0.0 if relu else None, tile=4)
    conv = conv.to(memory_format=torch.channels_last)
    return nn.Sequential(conv, nn.ReLU(inplace=True)) if relu else conv


class FastBlock(Block):
    """`Block` in one pass over its map behind the convolution: scale and shift go into the norm's own."""

    def forward(self, x: Tensor, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
        """(B, F, H, W, inputs) -> (B, F, H, W, outputs), as `Block`."""
        x = per_frame(self.proj, x)
        if scale is None or shift is None:
            x = self.norm(x)
        else:
            weights, biases = self.norm.weight * (scale + 1), torch.addcmul(shift, self.norm.bias, scale + 1)
            samples = zip(x.split(1), weights, biases, strict=True)
            normed = [frame_group_norm(sample, weight, bias) for sample, weight, bias in samples]
            x = normed[0] if len(normed) == 1 else torch.cat(normed)
        return functional.silu(x, inplace=True)


class FoldedSame(nn.Module):
    """`Same`, or `Down` if it halves the size, without its norm."""

    def __init__(self, block: Same, filtered: bool) -> None:
        super().__init__()
        self.conv = convolution(fuse_conv_bn_eval(block.conv, block.norm), relu=True, filtered=filtered)
        self.halves = isinstance(block, Down)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return functional.avg_pool2d(x, 2) if self.halves else x


class FoldedUp(nn.Module):
    """`Up` with four 2x2 kernels on the small map, one for each of the pixels that one becomes.

    Of nine taps of the 3x3 kernel on the large map several fall on the same small pixel; they are added beforehand.
    """

    def __init__(self, block: Up) -> None:
        super().__init__()
        weight, bias = _fused(block)
        kernels = [_halved(_halved(weight, row).mT, column).mT for row in (1, 2) for column in (1, 2)]
        self.weight = nn.Parameter(torch.stack(kernels, dim=1).flatten(0, 1))
        self.bias = nn.Parameter(bias.repeat_interleave(4))

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        phases = functional.conv2d(x, self.weight, self.bias, padding=1).relu_().unflatten(1, (-1, 2, 2))
        rows = []
        for a in (0, 1):
            columns = [phases[:, :, a, b, a : a + height, b : b + width] for b in (0, 1)]
            rows.append(torch.stack(columns, dim=-1).flatten(-2))
        return torch.stack(rows, dim=3).flatten(2, 3)


def _halved(weight: Tensor, first: int) -> Tensor:
    """Add neighbouring rows (..., 3, n) that see the same pixel: to two rows, of which one is the first ``first``."""
    return torch.stack((weight[..., :first, :].sum(-2), weight[..., first:, :].sum(-2)), dim=-2)


class FoldedResidual(nn.Module):
    """`Residual` with the second norm in the first convolution, the first as one product and one sum."""

    def __init__(self, block: Residual, filtered: bool) -> None:
        super().__init__()
        self.conv1 = convolution(fuse_conv_bn_eval(block.conv1, block.norm2), relu=True, filtered=filtered)
        self.conv2 = convolution(block.conv2, relu=False, filtered=filtered)
        norm = block.norm1
        assert norm.running_var is not None
        assert norm.running_mean is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        self.scale = nn.Parameter(scale[:, None, None])
        self.shift = nn.Parameter((norm.bias - norm.running_mean * scale)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv1(torch.addcmul(self.shift, x, self.scale).relu_())
        out: Tensor = self.conv2(hidden).add_(x)
        return out
