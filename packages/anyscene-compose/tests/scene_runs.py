"""Runs on a tiny base and made-up scenes: imported by tests, and a script for processes of their own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

from anyscene_compose.data.synthetic import make_scenes
from anyscene_compose.training.trainer import train
from visioncore.training import FitResult

RECIPE = Path(__file__).parent / "tiny.yaml"


def run(base: Path, out: Path, **given: Any) -> FitResult:
    """Train a few steps on made-up scenes, which lie beside the base."""
    torch.set_num_threads(1)
    data = base.parent / "scenes"
    if not data.exists():
        make_scenes(data)
    overrides = {name.replace("__", "."): str(value) for name, value in given.pop("overrides", {}).items()}
    options = {"data": data, "cache": base.parent / "features", "say": lambda _: None, **given}
    return train(RECIPE, out=out, base=base, overrides=overrides, **options)


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]))
