"""The network as a file that runs without this package, checked on the spot against the network it came from."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path

import torch
from torch.export import Dim

from visioncore.commands.export import export_files

from .method import METHOD
from .network.model import MULTIPLE, CLIPDenoiser


def export(model: CLIPDenoiser, out: str | Path, *, formats: Iterable[str] = ("onnx",)) -> dict[Path, float]:
    """Write ``model.onnx`` or ``model.pt2``, each compared with the model at another size than it was made with.

    They take images ``noisy`` (B, C, H, W), any number and of any size in multiples of 32, and give ``denoised`` alike,
    not clamped. How to bring other sizes there: mirror at the right and at the bottom, and crop the result.

    Args:
        model: the network; exported in float32 on the CPU.
        out: folder for the files.
        formats: ``onnx`` (opset 18) and ``pt2`` (torch.export).

    Returns:
        Each file with its largest difference from the model, over the largest value or 1.

    Raises:
        InputError: if a format is wrong, a package is missing, or the numbers differ too much (the file is then not
            kept).
    """
    channels, generator = model.config.channels, torch.Generator().manual_seed(0)
    return export_files(
        copy.deepcopy(model).cpu().float().eval(),
        torch.rand(1, channels, 5 * MULTIPLE, MULTIPLE, generator=generator),
        out,
        formats=formats,
        names=("noisy", ("denoised",)),
        package=METHOD.name,
        traced=torch.rand(2, channels, 2 * MULTIPLE, 3 * MULTIPLE, generator=generator),
        dynamic_shapes=({0: Dim("batch"), 2: MULTIPLE * Dim("rows", min=1), 3: MULTIPLE * Dim("columns", min=1)},),
    )
