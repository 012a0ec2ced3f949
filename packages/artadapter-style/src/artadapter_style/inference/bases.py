"""Base models by name: the small one that is bundled, and those in files."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import torch

from visioncore.diffusion.base import load_base

from ..method import PACKAGE

DEMO = "demo"
_FOLDER = "base"


def open_base(source: str | Path, dtype: torch.dtype = torch.float32) -> Any:
    """Return a base model as a pipeline of diffusers, on the CPU.

    Args:
        source: ``demo`` for the one that the demo weights are for, unless there is a file or folder of that name; or
            as of `visioncore.diffusion.base.load_base`.
        dtype: of all weights.

    Raises:
        InputError: if it cannot be read.
    """
    if str(source) != DEMO or Path(source).exists():
        return load_base(source, dtype)
    with as_file(files(PACKAGE) / "assets" / _FOLDER) as folder:
        return load_base(folder, dtype)
