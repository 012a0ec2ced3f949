"""The network as inference runs it: what can be computed beforehand is, and on a CPU with fewer multiplications.

Batch norms are part of the convolutions before them, CT's first convolution of those behind it; nothing is
concatenated; maps are channels-last. On a CPU, wide 3x3 convolutions run by `winograd`, and those of enlarged maps
before they are enlarged (`enlarged`). The result is that of the network in evaluation mode, to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visioncore.backbones.clip import STAGES, Bottleneck

from .decoder import SLOPE, ConvBlock, Decoder, upsample
from .encoder import DenseEncoder
from .enlarged import EnlargedConvolution
from .winograd import Winograd3x3

WINOGRAD_CHANNELS = 128
ENLARGED_CHANNELS = 64
"""Narrower maps are convolved directly: there the detours cost more than they save."""


class Denoiser(Protocol):
    """The parts of a network."""

    adapter: nn.Conv2d | None
    encoder: DenseEncoder
    decoder: Decoder


def for_inference(
    model: Denoiser, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> FastDenoiser:
    """Return a network with the weights of another, for inference alone.

    Args:
        model: a `CLIPDenoiser`; it is not changed, and later changes of its weights are not seen.
        device: where the result runs.
        dtype: in which precision, by default the model's. In half precision the last convolution, and what comes in
            and goes out, stay in float32.
    """
    return FastDenoiser(model, _Maker(torch.device(device), dtype or model.decoder.last.weight.dtype))


class FastDenoiser(nn.Module):
    """A network for inference on one device in one precision; made by `for_inference`."""

    @torch.no_grad()
    def __init__(self, model: Denoiser, make: _Maker) -> None:
        super().__init__()
        self.dtype = make.dtype
        encoder, decoder = model.encoder, model.decoder
        self.stem = nn.Sequential(
            make.folded(encoder.conv1, encoder.bn1, 0.0, adapter=model.adapter),
            make.folded(encoder.conv2, encoder.bn2, 0.0),
            make.folded(encoder.conv3, encoder.bn3, 0.0),
        )
        *finer, coarsest = encoder.stages()[: STAGES - 1]
        self.stages = nn.ModuleList(_stage(make, stage, tile=4) for stage in finer)
        self.stages.append(_stage(make, coarsest, tile=2))
        self.first = FastConvBlock(make, cast(ConvBlock, decoder.blocks[0]))
        self.blocks = nn.ModuleList(JoiningBlock(make, cast(ConvBlock, block)) for block in decoder.blocks[1:-1])
        self.blocks.append(JoiningBlock(make, cast(ConvBlock, decoder.blocks[-1]), model.adapter))
        self.last = make.to_image(decoder.last.weight)

    @torch.no_grad()
    def forward(self, noisy: Tensor) -> Tensor:
        """Return the denoised images (B, C, H, W), not clamped, in the precision of the input.

        Args:
            noisy: (B, C, H, W) in [0, 1] on the network's device; H and W multiples of 32.
        """
        image = noisy.to(self.dtype, memory_format=torch.channels_last)
        features = [image, self.stem(image)]
        x = F.avg_pool2d(features[1], 2)
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        x = self.first(features.pop())
        for block in self.blocks:
            x = block(x, features.pop())
        denoised: Tensor = self.last(x)
        return denoised.to(noisy.dtype)


class FastBottleneck(nn.Module):
    """CLIP's bottleneck with its batch norms folded; its input is not to be used again."""

    def __init__(self, make: _Maker, block: Bottleneck, tile: int) -> None:
        super().__init__()
        self.conv1 = make.folded(block.conv1, block.bn1, 0.0)
        self.conv2 = make.folded(block.conv2, block.bn2, 0.0, tile=tile)
        self.conv3 = make.folded(block.conv3, block.bn3, None)
        self.pool = block.pool
        self.downsample: nn.Module | None = None
        if block.downsample is not None:
            pool, conv, norm = block.downsample
            folded = make.folded(cast(nn.Conv2d, conv), cast(nn.BatchNorm2d, norm), None)
            self.downsample = nn.Sequential(pool, folded)

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        y: Tensor = self.conv3(self.pool(self.conv2(self.conv1(x))))
        return y.add_(identity).relu_()


class FastConvBlock(nn.Module):
    """The decoder's first block, which nothing joins."""

    def __init__(self, make: _Maker, block: ConvBlock) -> None:
        super().__init__()
        self.conv1 = make.conv3x3(block.conv1.weight, None, SLOPE, tile=2)
        self.conv2 = make.conv3x3(block.conv2.weight, None, SLOPE, tile=2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2(self.conv1(x))
        return y


class JoiningBlock(nn.Module):
    """Another of the decoder's blocks: the enlarged map and the skip are convolved apart, and added."""

    def __init__(self, make: _Maker, block: ConvBlock, adapter: nn.Conv2d | None = None) -> None:
        super().__init__()
        weight, skip_weight = block.conv1.weight.split([block.channels, block.skip], dim=1)
        self.skip = make.conv3x3(_composed(skip_weight, adapter), None, None)
        self.enlarged = make.enlarged(weight)
        self.conv2 = make.conv3x3(block.conv2.weight, None, SLOPE)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        joined = self.enlarged(x, self.skip(skip))
        y: Tensor = self.conv2(F.leaky_relu_(joined, SLOPE))
        return y


class Convolution(nn.Module):
    """Convolution that keeps the size at stride 1, with a leaky ReLU.

    Args:
        weight: (O, C, k, k).
        bias: (O,), or None.
        slope: of the leaky ReLU for negative values, 0 for a ReLU; None for neither.
        stride: 1 or 2.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, slope: float | None, stride: int = 1) -> None:
        super().__init__()
        self.weight: Tensor
        self.bias: Tensor | None
        self.register_buffer("weight", weight.contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", bias)
        self.slope, self.stride = slope, stride

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, O, H / stride, W / stride) for a map (B, C, H, W)."""
        y = F.conv2d(x, self.weight, self.bias, self.stride, self.weight.shape[-1] // 2)
        return y if self.slope is None else F.leaky_relu_(y, self.slope)


class DirectEnlarged(nn.Module):
    """`EnlargedConvolution` as it reads: enlarge, convolve, add."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.conv = Convolution(weight, None, None)

    def forward(self, x: Tensor, base: Tensor) -> Tensor:
        return base.add_(self.conv(upsample(x)))


class ToImage(nn.Module):
    """The last convolution, 3x3, to so few channels that a product of matrices and a sum of shifts are cheaper."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.matrix: Tensor
        self.register_buffer("matrix", weight.flip(2, 3).permute(0, 2, 3, 1).flatten(0, 2).contiguous())

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, O, H, W) for a map (B, C, H, W)."""
        pixels = x.to(self.matrix.dtype).permute(0, 2, 3, 1).flatten(1, 2)
        parts = [F.fold(self.matrix @ each.T, x.shape[2:], 3, padding=1) for each in pixels]
        return torch.stack(parts)


@dataclass(frozen=True)
class _Maker:
    """Makes the layers of a network for one device and precision."""

    device: torch.device
    dtype: torch.dtype

    @property
    def detours(self) -> bool:
        """Whether saving multiplications saves time, and costs no more than rounding."""
        return self.device.type == "cpu" and self.dtype in (torch.float32, torch.float64)

    def folded(
        self,
        conv: nn.Conv2d,
        norm: nn.BatchNorm2d,
        slope: float | None,
        *,
        adapter: nn.Conv2d | None = None,
        tile: int = 4,
    ) -> nn.Module:
        """Return a convolution with the batch norm behind it, and the 1x1 convolution before it, in its weights."""
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        bias = norm.bias.double() - norm.running_mean.double() * scale
        weight = _composed(conv.weight.double(), adapter) * scale[:, None, None, None]
        if conv.kernel_size == (3, 3) and conv.stride == (1, 1):
            return self.conv3x3(weight, bias, slope, tile=tile)
        return Convolution(self._cast(weight), self._cast(bias), slope, conv.stride[0])

    def conv3x3(self, weight: Tensor, bias: Tensor | None, slope: float | None, *, tile: int = 4) -> nn.Module:
        """Return a 3x3 convolution; if it is one by `winograd`, with tiles of this side."""
        weight, bias = self._cast(weight), None if bias is None else self._cast(bias)
        if self.detours and min(weight.shape[:2]) >= WINOGRAD_CHANNELS:
            return Winograd3x3(weight, bias, slope, tile)
        return Convolution(weight, bias, slope)

    def enlarged(self, weight: Tensor) -> nn.Module:
        """Return what adds the 3x3 convolution of an enlarged map."""
        weight = self._cast(weight)
        wide = weight.shape[1] >= ENLARGED_CHANNELS
        return EnlargedConvolution(weight) if self.detours and wide else DirectEnlarged(weight)

    def to_image(self, weight: Tensor) -> nn.Module:
        """Return the last convolution, in float32 or better."""
        return ToImage(weight.to(self.device, torch.promote_types(self.dtype, torch.float32)))

    def _cast(self, values: Tensor) -> Tensor:
        return values.to(self.device, self.dtype)


def _composed(weight: Tensor, adapter: nn.Conv2d | None) -> Tensor:
    """Return the weight (O, C, k, k) of a convolution and of the 1x1 convolution without bias before it."""
    if adapter is None:
        return weight
    return torch.einsum("ocij,cd->odij", weight, adapter.weight[:, :, 0, 0].to(weight.dtype))


def _stage(make: _Maker, stage: nn.Sequential, tile: int) -> nn.Sequential:
    """Return a stage; ``tile`` is for its maps, which the first block alone does not work on before it shrinks them."""
    return nn.Sequential(
        *(FastBottleneck(make, cast(Bottleneck, block), tile if index else 4) for index, block in enumerate(stage))
    )
