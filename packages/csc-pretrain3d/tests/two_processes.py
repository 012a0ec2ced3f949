"""A short training of either kind for test_processes.py: imported by it, and a script for processes of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from csc_pretrain3d.data.augmentation import AugmentationConfig
from csc_pretrain3d.data.made_frames import MadeFrames
from csc_pretrain3d.data.synthetic import SensorConfig
from csc_pretrain3d.network.config import MinkUNetConfig
from csc_pretrain3d.network.image_config import ImageBranchConfig, ResNetConfig
from csc_pretrain3d.training.config import PrototypeConfig, SGDConfig, Stage, TrainConfig
from csc_pretrain3d.training.stages import finetune, pretrain
from visioncore.training import LoopConfig

SENSORS = SensorConfig(beams=12, azimuths=90, size=(28, 52))
MODEL = MinkUNetConfig(stem=4, widths=(4,) * 8, blocks=(1,) * 8, out_channels=8, voxel_size=1.0, cylindrical=False)
IMAGE = ImageBranchConfig(ResNetConfig(width=2, blocks=(1, 1, 1, 1)), channels=8)


def recipe(stage: Stage = "pretrain", steps: int = 6, **changes: object) -> TrainConfig:
    """Return a recipe; prototypes are computed before the steps 2 and 4, counted from 0."""
    fields = {
        "loop": LoopConfig(
            steps, 4, learning_rate=0.05, min_learning_rate=0, weight_decay=1e-3, log_every=1, checkpoint_every=steps
        ),
        "stage": stage,
        "model": MODEL,
        "image": IMAGE,
        "augmentation": AugmentationConfig(size=(28, 52), cuboid=0.1, crop=0.5, least_pairs=5),
        "prototypes": PrototypeConfig(first_epoch=1, every=1),
        "epoch_steps": 2,
        "sgd": SGDConfig(),
    }
    return TrainConfig(**{**fields, **changes})  # type: ignore[arg-type]


def frames(first: int = 0, count: int = 7, *, cameras: bool = True) -> MadeFrames:
    """Return made-up frames; their number is odd, so that processes have different shares of them."""
    return MadeFrames(range(first, first + count), SENSORS, cameras=cameras)


def run(stage: Stage, out: Path) -> None:
    """Train in a folder."""
    torch.set_num_threads(1)
    if stage == "pretrain":
        pretrain(recipe(), frames(), out)
    else:
        finetune(recipe("finetune"), frames(cameras=False), frames(100, 1, cameras=False), out)


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]))  # type: ignore[arg-type]
