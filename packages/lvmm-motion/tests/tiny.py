"""A whole method so small that it takes no time."""

from __future__ import annotations

from dataclasses import replace

import torch
from golden_networks import SMALL

from lvmm_motion.network.config import AnimationConfig, FrameUNetConfig, MotionUNetConfig
from lvmm_motion.network.model import AnimationPipeline

TINY = AnimationConfig(
    autoencoder=replace(SMALL, side=32),
    motion=MotionUNetConfig(8, (1, 2), 6, 6, 16, 2),
    frame=FrameUNetConfig(8, (1, 2), 64, 32, 32, 2),
    frames=12,
    keep=3,
    size=8,
    steps=2,
)
"""Photos of any size; a motion of 12 frames; tokens of width 16."""


def tiny_pipeline(seed: int = 0, config: AnimationConfig = TINY) -> AnimationPipeline:
    """Return a method with random weights, in evaluation mode."""
    torch.manual_seed(seed)
    pipeline = AnimationPipeline(config).eval()
    pipeline.scales.fill_(0.02)
    pipeline.scales[[2, 5]] = 0.2  # of what is hidden
    return pipeline
