"""The fast path: whatever can be computed beforehand is, and on a CPU with fewer multiplications.

Batch norms are part of the convolutions before them, CT's first convolution of those behind it; nothing is
concatenated; maps are channels-last. On a CPU, wide 3x3 convolutions run by `winograd`, those of upsampled maps before
upsampling (`upsampled_convolution`), and what works at full size a few rows at a time. The result is that of the
network in evaluation mode, to rounding.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import product
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visioncore.backbones.clip import STAGES, Bottleneck
from visioncore.convolutions.winograd import Winograd3x3
from visioncore.devices.memory import return_memory

from .decoder import SLOPE, ConvBlock, Decoder, upsample
from .encoder import DenseEncoder
from .fused_convolution import Convolution
from .lite_encoder import LiteEncoder
from .upsampled_convolution import UpsampledConvolution

WINOGRAD_CHANNELS = 128
UPSAMPLED_CHANNELS = 64
"""Narrower maps are convolved directly: there the detours cost more than they save."""
STRIP = 2**16
"""Pixels of a strip that is worked on at full size at a time."""


class Denoiser(Protocol):
    """The parts of a network."""

    adapter: nn.Conv2d | None
    encoder: DenseEncoder | LiteEncoder
    decoder: Decoder


def for_inference(
    model: Denoiser, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> FastDenoiser:
    """Return a network with the same weights for inference alone.

    Args:
        model: a `CLIPDenoiser`; it is not changed, and later changes of its weights are not seen.
        device: where the result runs.
        dtype: in which precision, by default the model's. In half precision the last convolution, and what comes in
            and goes out, stay in float32.
    """
    fast = FastDenoiser(model, _Maker(torch.device(device), dtype or model.decoder.last.weight.dtype))
    if torch.device(device).type == "cpu":
        _hold_memory()
    return fast


class FastDenoiser(nn.Module):
    """A network for inference on one device in one precision; made by `for_inference`."""

    @torch.no_grad()
    def __init__(self, model: Denoiser, make: _Maker) -> None:
        super().__init__()
        self.dtype = make.dtype
        encoder, decoder = model.encoder, model.decoder
        self.encoder: nn.Module
        if isinstance(encoder, DenseEncoder):
            self.encoder = FastTower(make, encoder, model.adapter)
        else:
            self.encoder = LiteTower(make, encoder, model.adapter)
        first, *blocks = (cast(ConvBlock, block) for block in decoder.blocks)
        self.first = nn.Sequential(
            make.conv3x3(first.conv1.weight, None, SLOPE, tile=2), make.conv3x3(first.conv2.weight, None, SLOPE, tile=2)
        )
        self.blocks = nn.ModuleList(JoiningBlock(make, block) for block in blocks[:-1])
        self.finish = Finish(make, blocks[-1], decoder.last, model.adapter)

    @torch.no_grad()
    def forward(self, noisy: Tensor) -> Tensor:
        """Return the denoised images (B, C, H, W), not clamped, in the precision of the input.

        Args:
            noisy: (B, C, H, W) in [0, 1] on the network's device; H and W multiples of 32.
        """
        image = noisy.to(self.dtype, memory_format=torch.channels_last)
        features = self.encoder(image)
        x = self.first(features.pop())
        for block in self.blocks:
            x = block(x, features.pop())
        denoised: Tensor = self.finish(x, image)
        return denoised.to(noisy.dtype)


class FastTower(nn.Module):
    """CLIP's tower with its batch norms folded, and CT's first convolution in its own."""

    def __init__(self, make: _Maker, encoder: DenseEncoder, adapter: nn.Conv2d | None) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            make.folded(encoder.conv1, encoder.bn1, 0.0, adapter=adapter),
            make.folded(encoder.conv2, encoder.bn2, 0.0),
            make.folded(encoder.conv3, encoder.bn3, 0.0),
        )
        *finer, coarsest = encoder.stages()[: STAGES - 1]
        self.stages = nn.ModuleList(_stage(make, stage, tile=4) for stage in finer)
        self.stages.append(_stage(make, coarsest, tile=2))

    def forward(self, image: Tensor) -> list[Tensor]:
        features = [self.stem(image)]
        x = F.avg_pool2d(features[0], 2)
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class LiteTower(nn.Module):
    """A copy of EfficientNet-Lite0, which has no batch norms to fold; before it CT's first convolution."""

    def __init__(self, make: _Maker, encoder: LiteEncoder, adapter: nn.Conv2d | None) -> None:
        super().__init__()
        layers = [copy.deepcopy(layer) for layer in (adapter, encoder) if layer is not None]
        self.layers = nn.Sequential(*layers).to(make.device, make.dtype)
        self.layers.to(memory_format=torch.channels_last)

    def forward(self, image: Tensor) -> list[Tensor]:
        _, *features = self.layers(image)
        return features


class FastBottleneck(nn.Module):
    """CLIP's bottleneck with its batch norms folded; it may use its input up."""

    def __init__(self, make: _Maker, block: Bottleneck, tile: int) -> None:
        super().__init__()
        self.conv1 = make.folded(block.conv1, block.bn1, 0.0)
        self.conv2 = make.folded(block.conv2, block.bn2, 0.0, tile=tile)
        self.conv3 = make.folded(block.conv3, block.bn3, 0.0)
        self.pool = block.pool
        self.downsample: nn.Module | None = None
        if block.downsample is not None:
            pool, conv, norm = block.downsample
            folded = make.folded(cast(nn.Conv2d, conv), cast(nn.BatchNorm2d, norm), None)
            self.downsample = nn.Sequential(pool, folded)

    def forward(self, x: Tensor) -> Tensor:
        inside = self.pool(self.conv2(self.conv1(x)))
        y: Tensor = self.conv3(inside, x if self.downsample is None else self.downsample(x))
        return y


class JoiningBlock(nn.Module):
    """One of the decoder's blocks behind the first: the upsampled map and the skip are convolved apart, and added."""

    def __init__(self, make: _Maker, block: ConvBlock, adapter: nn.Conv2d | None = None) -> None:
        super().__init__()
        weight, skip_weight = block.conv1.weight.split([block.channels, block.skip], dim=1)
        self.skip = make.conv3x3(_composed(skip_weight, adapter), None, None)
        self.upsampled = make.upsampled(weight, SLOPE)
        self.conv2 = make.conv3x3(block.conv2.weight, None, SLOPE)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        y: Tensor = self.conv2(self.upsampled(x, self.skip(skip)))
        return y


class Finish(JoiningBlock):
    """The last block and the convolution behind it."""

    def __init__(self, make: _Maker, block: ConvBlock, last: nn.Conv2d, adapter: nn.Conv2d | None) -> None:
        super().__init__(make, block, adapter)
        self.last = make.to_image(last.weight)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        if not isinstance(self.upsampled, UpsampledConvolution):
            whole: Tensor = self.last(super().forward(x, skip))
            return whole
        height, width = skip.shape[2:]
        rows = max(1, STRIP // width)
        return torch.cat(
            [
                torch.cat(
                    [self._strip(x[i : i + 1], skip[i : i + 1], top, rows) for top in range(0, height, rows)], dim=2
                )
                for i in range(len(x))
            ]
        )

    def _strip(self, x: Tensor, skip: Tensor, top: int, rows: int) -> Tensor:
        """Return some rows of the image from ``top`` on; each convolution needs one more on either side."""
        height = skip.shape[2]
        bottom = min(top + rows, height)
        start, stop = max(0, top - 2), min(height, bottom + 2)
        before = max(0, start - 1)
        base = self.skip(skip[:, :, before : stop + 1])[:, :, start - before : stop - before]
        image: Tensor = self.last(self.conv2(self.upsampled(x, base, start)))
        return image[:, :, top - start : bottom - start]


class DirectUpsampled(nn.Module):
    """The same as `UpsampledConvolution`, step by step: upsample, convolve, add."""

    def __init__(self, weight: Tensor, slope: float) -> None:
        super().__init__()
        self.conv = Convolution(weight, None, slope)

    def forward(self, x: Tensor, base: Tensor) -> Tensor:
        y: Tensor = self.conv(upsample(x), base)
        return y


class ToImage(nn.Module):
    """The last convolution, 3x3, to so few channels that a product of matrices and a sum of shifts are cheaper."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.matrix: Tensor
        self.register_buffer("matrix", weight.permute(2, 3, 0, 1).flatten(0, 2).contiguous())

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, O, H, W) for a map (B, C, H, W)."""
        B, _, H, W = x.shape
        pixels = x.to(self.matrix.dtype).permute(0, 2, 3, 1).flatten(1, 2)
        image = pixels.new_zeros(B, len(self.matrix) // 9, H, W)
        for result, each in zip(image, pixels, strict=True):
            parts = (self.matrix @ each.T).view(3, 3, -1, H, W)
            for row, column in product(range(3), range(3)):
                (to_rows, rows), (to_columns, columns) = _shifted(H, row - 1), _shifted(W, column - 1)
                result[:, to_rows, to_columns] += parts[row, column, :, rows, columns]
        return image


def _shifted(length: int, by: int) -> tuple[slice, slice]:
    """Return the places along a side that have another one ``by`` further, and those others."""
    return slice(max(0, -by), length - max(0, by)), slice(max(0, by), length - max(0, -by))


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
        # on the CPU, for not every device has the precision
        mean, variance, factor, shift, weight = (
            value.cpu().double() for value in (norm.running_mean, norm.running_var, norm.weight, norm.bias, conv.weight)
        )
        scale = factor / torch.sqrt(variance + norm.eps)
        bias = shift - mean * scale
        weight = _composed(weight, adapter) * scale[:, None, None, None]
        if conv.kernel_size == (3, 3) and conv.stride == (1, 1):
            return self.conv3x3(weight, bias, slope, tile=tile)
        return Convolution(self._cast(weight), self._cast(bias), slope, conv.stride[0])

    def conv3x3(self, weight: Tensor, bias: Tensor | None, slope: float | None, *, tile: int = 4) -> nn.Module:
        """Return a 3x3 convolution; if it is one by `winograd`, with tiles of this side."""
        weight, bias = self._cast(weight), None if bias is None else self._cast(bias)
        if self.detours and min(weight.shape[:2]) >= WINOGRAD_CHANNELS:
            layer = Winograd3x3(weight, bias, slope, tile)
            # what was in between would stay with the process, and add up
            return_memory()
            return layer
        return Convolution(weight, bias, slope)

    def upsampled(self, weight: Tensor, slope: float) -> nn.Module:
        """Return a layer that adds the 3x3 convolution of an upsampled map to another map, followed by a leaky ReLU."""
        weight = self._cast(weight)
        if self.detours and weight.shape[1] >= UPSAMPLED_CHANNELS:
            return UpsampledConvolution(weight, slope)
        return DirectUpsampled(weight, slope)

    def to_image(self, weight: Tensor) -> nn.Module:
        """Return the last convolution, in float32 or better."""
        return ToImage(weight.to(self.device, torch.promote_types(self.dtype, torch.float32)))

    def _cast(self, values: Tensor) -> Tensor:
        # a copy in any case: the model's own weights may change later
        return values.to(self.device, self.dtype, copy=True)


def _composed(weight: Tensor, adapter: nn.Conv2d | None) -> Tensor:
    """Return the weight (O, C, k, k) of a convolution and of the 1x1 convolution without bias before it."""
    if adapter is None:
        return weight
    return torch.einsum("ocij,cd->odij", weight, adapter.weight[:, :, 0, 0].to(weight.device).to(weight.dtype))


def _stage(make: _Maker, stage: nn.Sequential, tile: int) -> nn.Sequential:
    """Return a stage; ``tile`` is for its maps, which only the first block downsamples before it works on them."""
    return nn.Sequential(
        *(FastBottleneck(make, cast(Bottleneck, block), tile if index else 4) for index, block in enumerate(stage))
    )


def _hold_memory() -> None:
    """Let the C library of Linux keep what is freed, which else costs up to a seventh of the time.

    From the largest block that it has seen freed, 32 MiB at most, it takes how large the ones are that it fetches from
    the system page by page at each call, and gives back.
    """
    torch.empty(2**25 - 2**16, dtype=torch.uint8)
