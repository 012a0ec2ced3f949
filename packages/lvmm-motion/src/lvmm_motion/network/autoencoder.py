"""Flow auto-encoder: learns from pairs of frames how one is made from the other."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from .background import BackgroundPredictor
from .base import LVMM
from .config import FlowAutoencoderConfig
from .flow import Motion
from .regions import RegionPredictor, Regions
from .renderer import Rendered, Renderer


class MotionCode(NamedTuple):
    """Latent motion z of B frames."""

    regions: Regions
    background: Tensor
    """(B, 3, 3) motion of the background from the source image."""


class Reconstruction(NamedTuple):
    """Reconstructed frames, with the motion and the regions that led to them."""

    rendered: Rendered
    motion: Motion
    source: Regions
    driving: Regions


class FlowAutoencoder(LVMM):
    """Motion rendering model, published as LFAE.

    Args:
        config: the settings, or the name of a published variant; default: that of WebVid.

    Example:
        >>> photo, frame = torch.rand(2, 1, 3, 128, 128)
        >>> FlowAutoencoder().eval()(photo, frame).rendered.prediction.shape
        torch.Size([1, 3, 128, 128])
    """

    config_class = FlowAutoencoderConfig
    config: FlowAutoencoderConfig

    def __init__(self, config: FlowAutoencoderConfig | str | None = None) -> None:
        super().__init__(config)
        self.generator = Renderer(self.config)
        self.region_predictor = RegionPredictor(self.config)
        self.bg_predictor = BackgroundPredictor(self.config)

    def encode_motion(self, source: Tensor, driving: Tensor) -> MotionCode:
        """Return the latent motion of driving frames.

        Args:
            source: (B, 3, H, W) in [0, 1], H and W divisible by ``config.multiple``.
            driving: as many frames of the same size.
        """
        return MotionCode(self.region_predictor(driving), self.bg_predictor(source, driving))

    def decode_motion(self, source: Tensor, regions: Regions, code: MotionCode) -> Motion:
        """Return flow and occlusion at ``config.scale`` of the source's size.

        Args:
            source: (B, 3, H, W).
            regions: those of the source.
            code: motion of the driving frames.
        """
        motion: Motion = self.generator.pixelwise_flow_predictor(source, regions, code.regions, code.background)
        return motion

    def render(self, source: Tensor, motion: Motion, refined: Tensor | None = None) -> Rendered:
        """Return the frames that motions make of source images (B, 3, H, W), sides divisible by ``2 ** levels``."""
        return self.generator.decode(source, self.generator.encode(source), motion, refined)

    def forward(self, source: Tensor, driving: Tensor) -> Reconstruction:
        """Reconstruct driving frames (B, 3, H, W) from source images of the same size, both in [0, 1]."""
        regions = self.region_predictor(source)
        code = self.encode_motion(source, driving)
        motion = self.decode_motion(source, regions, code)
        return Reconstruction(self.render(source, motion), motion, regions, code.regions)
