"""The whole of NeRD-Rain: three scales, first estimates passed up, deep features fed back down (paper, Figure 2)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from visioncore.configs import published_variant
from visioncore.errors import InputError
from visioncore.weights.pretrained import Pretrained

from .blocks import Blocks, make_blocks
from .config import VARIANTS, NeRDRainConfig
from .gated_fusion import GatedFusion, SumFusion
from .implicit import ImplicitRepresentation
from .layers import Conv3x3, nearest_down, nearest_up
from .published import fill_from_published, read_published
from .unet import Decoder, Encoded, Encoder, Level, UNet

MULTIPLE = 16
"""The sides of an image must be multiples of this: quarter scale, then two halvings."""


class Restored(NamedTuple):
    """Outputs of the network for images (B, 3, H, W); values in [0, 1] up to its errors, not clamped.

    Attributes:
        full: the restored image (B, 3, H, W).
        half: the restored image at half scale (B, 3, H/2, W/2).
        quarter: the restored image at quarter scale (B, 3, H/4, W/4).
        first_half: the first estimate at half scale; None where the network makes none.
        first_quarter: the first estimate at quarter scale; None where the network makes none.
    """

    full: Tensor
    half: Tensor
    quarter: Tensor
    first_half: Tensor | None
    first_quarter: Tensor | None


class QuarterScale(nn.Module):
    """The layers at a quarter of the image's sides."""

    def __init__(self, dim: int, level: Level) -> None:
        super().__init__()
        self.embed = Conv3x3(3, dim)
        self.encoder = Encoder(dim, level)
        self.decoder = Decoder(dim, level)
        self.output = Conv3x3(dim, 3)


class HalfScale(nn.Module):
    """The layers at half the image's sides: two passes."""

    def __init__(self, dim: int, level: Level) -> None:
        super().__init__()
        self.embed = Conv3x3(3, dim)
        self.encoder1 = Encoder(dim, level)
        self.decoder1 = Decoder(dim, level)
        self.context = Conv3x3(dim, dim)
        self.encoder2 = Encoder(dim, level)
        self.decoder2 = Decoder(dim, level)
        self.output = Conv3x3(dim, 3)


class FullScale(nn.Module):
    """The layers at full size: three passes.

    In the published network the last decoder merges its first level with the layer of the second; its own is in the
    weights and does nothing. It is kept for exchange and not trained.
    """

    def __init__(self, dim: int, level: Level) -> None:
        super().__init__()
        self.embed = Conv3x3(3, dim)
        self.unet1 = UNet(dim, level)
        self.unet2 = UNet(dim, level)
        self.encoder3 = Encoder(dim, level)
        self.decoder3 = Decoder(dim, level)
        self.decoder3.reduce1.requires_grad_(False)
        self.output = Conv3x3(dim, 3)


class NeRDRain(Pretrained):
    """Removes rain from images (NeRD-Rain, CVPR 2024).

    Args:
        config: the settings, or the name of a published variant: ``nerd-rain``, ``nerd-rain-s``, ``nerd-rain-mprnet``.
    """

    config_class = NeRDRainConfig

    def __init__(self, config: NeRDRainConfig | str = "nerd-rain") -> None:
        super().__init__()
        self.config = config = published_variant(VARIANTS, config) if isinstance(config, str) else config
        slope = nn.PReLU()  # the CNN variant has one slope for the whole network
        level = partial(make_blocks, config, slope)
        self.quarter_scale = QuarterScale(config.dim, level)
        self.half_scale = HalfScale(config.dim, level)
        self.full_scale = FullScale(config.dim, level)
        self.inr_quarter = self.inr_half = None
        if config.inr in ("both", "quarter"):
            self.inr_quarter = ImplicitRepresentation(config.dim, config.inr_hidden)
        if config.inr == "both":
            self.inr_half = ImplicitRepresentation(config.dim, config.inr_hidden)
        self.fuse_full1, self.fuse_full2, self.fuse_half = (_fusion(config) for _ in range(3))
        self.to(memory_format=torch.channels_last)

    @classmethod
    def from_published(cls, path: str | Path, variant: str | None = None) -> Self:
        """Load a checkpoint of the authors; the model is in evaluation mode, on the CPU, in float32.

        Args:
            path: the ``.pth`` file; which of the published variants it is of is found from its tensors.
            variant: insist on this variant.

        Raises:
            InputError: if the file cannot be read, holds something else, is of another variant, or does not fit.
        """
        found, state = read_published(path, variant)
        model = cls(found)
        fill_from_published(model, state, str(path))
        return model.eval()

    def recompute(self, enabled: bool = True) -> Self:
        """Trade time for memory in training: recompute the maps inside the levels in the backward pass."""
        for module in self.modules():
            if isinstance(module, Blocks):
                module.recompute = enabled
        return self

    def forward(self, image: Tensor) -> Tensor | Restored:
        """Return the restored image in evaluation mode, all outputs that the losses need in training mode.

        Args:
            image: rainy RGB images (B, 3, H, W) with values in [0, 1]; H and W multiples of 16.

        Raises:
            InputError: if the shape is another.
        """
        if image.ndim != 4 or image.shape[1] != 3 or image.shape[2] % MULTIPLE or image.shape[3] % MULTIPLE:
            raise InputError(
                f"image has shape {tuple(image.shape)}; it must be (B, 3, H, W) with H and W multiples of {MULTIPLE} "
                "(Predictor takes any size)"
            )
        restored = self.restore(image)
        return restored if self.training else restored.full

    def restore(self, image: Tensor) -> Restored:
        """Return the restored image at three scales, and the first estimates. Arguments as for `forward`."""
        image = image.contiguous(memory_format=torch.channels_last)
        image_half, image_quarter = nearest_down(image, 2), nearest_down(image, 4)

        encoded_quarter = self.quarter_scale.encoder(self.quarter_scale.embed(image_quarter))
        first_quarter, input_half = self._hand_up(self.inr_quarter, encoded_quarter, image_quarter, image_half)
        encoded_half1 = self.half_scale.encoder1(self.half_scale.embed(input_half))
        first_half, input_full = self._hand_up(self.inr_half, encoded_half1, input_half, image)

        latent1, x = self.full_scale.unet1(self.full_scale.embed(input_full))
        latent2, x = self.full_scale.unet2(x)
        encoded_full = self.full_scale.encoder3(x)

        x = self.half_scale.decoder1(self._feed_back(self.fuse_full1, latent1, latent2, encoded_half1))
        encoded_half2 = self.half_scale.encoder2(self.half_scale.context(x))

        x_quarter = self.quarter_scale.decoder(
            self._feed_back(self.fuse_half, encoded_half1.latent, encoded_half2.latent, encoded_quarter)
        )
        x_half = self.half_scale.decoder2(self._feed_back(self.fuse_full2, latent2, encoded_full.latent, encoded_half2))
        x_half = x_half + nearest_up(x_quarter)
        x_full = self.full_scale.decoder3(encoded_full, reduce1=self.full_scale.unet2.decoder.reduce1) + nearest_up(
            x_half
        )
        return Restored(
            full=self.full_scale.output(x_full) + image,
            half=self.half_scale.output(x_half) + image_half,
            quarter=self.quarter_scale.output(x_quarter) + image_quarter,
            first_half=first_half,
            first_quarter=first_quarter,
        )

    @staticmethod
    def _hand_up(
        inr: ImplicitRepresentation | None, encoded: Encoded, image: Tensor, finer: Tensor
    ) -> tuple[Tensor | None, Tensor]:
        """Return a scale's first estimate and the next scale's input, which is its image plus that estimate."""
        if inr is None:
            return None, finer
        first = inr(encoded.latent) + image
        return first, finer + nearest_up(first)

    @staticmethod
    def _feed_back(fuse: nn.Module | None, earlier: Tensor, later: Tensor, encoded: Encoded) -> Encoded:
        """Add the fused deep features of two stages of a finer scale to those of this one."""
        if fuse is None:
            return encoded
        return encoded._replace(latent=encoded.latent + nearest_down(fuse(earlier, later), 2))


def _fusion(config: NeRDRainConfig) -> nn.Module | None:
    if config.fusion == "gated":
        return GatedFusion(4 * config.dim)
    return SumFusion() if config.fusion == "sum" else None
