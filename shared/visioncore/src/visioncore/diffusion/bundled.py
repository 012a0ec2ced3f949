"""Base models by name: the small one that a package bundles, and those in files."""

from __future__ import annotations

from collections.abc import Collection
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import torch

from .base import INDEX_FILE, load_base
from .channels import CHANNELS

DEMO = "demo"
FOLDER = "base"
"""Where it lies in the assets of a package."""


def open_bundled(
    package: str,
    source: str | Path,
    dtype: torch.dtype = torch.float32,
    channels: Collection[int] = (CHANNELS,),
) -> Any:
    """Return a base model as a pipeline of diffusers, on the CPU.

    Args:
        package: that bundles one.
        source: ``demo`` for that one, unless a base of that name lies in the working folder; or as of `load_base`.
        dtype: of all weights.
        channels: as of `load_base`.

    Raises:
        InputError: if it cannot be read.
    """
    if str(source) != DEMO or Path(source).is_file() or (Path(source) / INDEX_FILE).is_file():
        return load_base(source, dtype, channels)
    with as_file(files(package) / "assets" / FOLDER) as folder:
        return load_base(folder, dtype)
