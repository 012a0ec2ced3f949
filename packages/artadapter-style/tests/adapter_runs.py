"""Runs on the tiny base and made-up images: imported by tests, and a script for processes of their own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

from artadapter_style.data.synthetic import make_images
from artadapter_style.network.model import ArtAdapter
from artadapter_style.training.trainer import train
from visioncore.training import FitResult

RECIPE = Path(__file__).parent / "tiny.yaml"


def run(base: Path, out: Path, **given: Any) -> FitResult:
    """Train a few steps on made-up images, which lie beside the base."""
    torch.set_num_threads(1)
    data = base.parent / "images"
    if not data.exists():
        make_images(data)
    overrides = {name.replace("__", "."): str(value) for name, value in given.pop("overrides", {}).items()}
    options = {"data": data, "cache": base.parent / "features", "say": lambda _: None, **given}
    return train(RECIPE, out=out, base=base, overrides=overrides, **options)


def tiny_adapter(pipeline: Any, content: bool = True, **settings: Any) -> ArtAdapter:
    """Return a new adapter for the tiny base."""
    torch.manual_seed(0)
    small = {"hidden": 8, "vgg_width": 4, "vgg_seed": 0, **settings}
    return ArtAdapter.for_base(pipeline.unet, pipeline.text_encoder, content=content, **small)


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), overrides=dict(word.split("=") for word in sys.argv[3:]))
