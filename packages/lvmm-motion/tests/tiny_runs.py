"""Runs of tiny networks on made-up clips: imported by tests, and a script for processes of their own."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from lvmm_motion.data.synthetic import make_clips
from lvmm_motion.network.config import AnimationConfig, FlowAutoencoderConfig, FrameUNetConfig, MotionUNetConfig
from lvmm_motion.network.model import AnimationPipeline, FlowAutoencoder
from lvmm_motion.training.config import TrainConfig
from lvmm_motion.training.stages import train_autoencoder, train_frame, train_motion
from lvmm_motion.training.start import Start
from visioncore.training import LoopConfig

AUTOENCODER = FlowAutoencoderConfig(
    regions=3,
    scale=0.5,
    most_channels=16,
    region_width=4,
    region_blocks=2,
    background_width=4,
    background_blocks=2,
    flow_width=4,
    flow_blocks=2,
    width=4,
    levels=1,
    bottleneck=1,
    side=16,
)
MODEL = AnimationConfig(
    AUTOENCODER,
    MotionUNetConfig(width=8, multiples=(1, 2), context=6, heads=1),
    FrameUNetConfig(width=8, multiples=(1,), channels=16, outputs=8, context=8, heads=1),
    frames=8,
    keep=3,
    size=8,
)


def recipe(stage: str = "autoencoder", steps: int = 4, **changes: Any) -> TrainConfig:
    """Return a recipe for networks that do in milliseconds what the published ones do."""
    loop = LoopConfig(
        **{
            "steps": steps,
            "batch_size": 4,
            "learning_rate": 1e-2,
            "clip_norm": 1.0,
            "weight_decay": 0.01,
            # biases before a batch norm have no gradient but rounding, which Adam would make as large as any other
            "epsilon": 1e-3,
            "log_every": 1,
            "checkpoint_every": steps,
            **changes.pop("loop", {}),
        }
    )
    return TrainConfig(**{"loop": loop, "stage": stage, "model": MODEL, **changes})


CLIPS = make_clips(9, frames=8, size=16)


def autoencoder(seed: int = 0) -> FlowAutoencoder:
    """Return one with random weights and a background that moves, in evaluation mode."""
    torch.manual_seed(seed)
    network = FlowAutoencoder(AUTOENCODER).eval()
    torch.nn.init.normal_(network.bg_predictor.fc.weight, std=0.1)
    return network


def pipeline(seed: int = 0, **changes: Any) -> AnimationPipeline:
    """Return a pipeline without a frame denoiser, with random weights, in evaluation mode."""
    torch.manual_seed(seed)
    network = AnimationPipeline(replace(MODEL, frame=None, **changes)).eval()
    network.scales.fill_(0.01)
    return network


def run(stage: str, out: Path, **changes: Any) -> None:
    """Train a stage in a folder, from random weights."""
    torch.set_num_threads(1)
    clips, held_out, config = CLIPS[:7], CLIPS[7:], recipe(stage, **changes)
    if stage == "autoencoder":
        train_autoencoder(config, clips, held_out, out)
    elif stage == "motion":
        train_motion(config, clips, held_out, out, Start("random", autoencoder()))
    else:
        train_frame(config, clips, held_out, out, Start("random", pipeline()))


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]))
