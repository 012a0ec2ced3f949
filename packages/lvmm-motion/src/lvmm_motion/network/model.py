"""The networks by their names."""

from __future__ import annotations

from .animation import AnimationPipeline
from .autoencoder import FlowAutoencoder
from .base import LVMM
from .unet import FrameUNet, MotionUNet

__all__ = ["LVMM", "AnimationPipeline", "FlowAutoencoder", "FrameUNet", "MotionUNet"]
