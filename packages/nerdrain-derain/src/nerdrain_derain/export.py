"""The network as a file that runs without this package, checked on the spot against the network it came from."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path

import torch

from visioncore.commands.export import export_files
from visioncore.errors import InputError

from .method import METHOD
from .network.model import MULTIPLE, NeRDRain


def export(
    model: NeRDRain, out: str | Path, *, formats: Iterable[str] = ("onnx",), size: int = 256
) -> dict[Path, float]:
    """Write ``model.onnx`` or ``model.pt2`` for images (1, 3, size, size), each compared with the model.

    Args:
        model: the network; exported in float32 on the CPU.
        out: folder for the files.
        formats: ``onnx`` (opset 18) and ``pt2`` (torch.export).
        size: side of the images, a multiple of 16.

    Returns:
        Each file with its largest difference from the model, over the largest value or 1.

    Raises:
        InputError: if the size or a format is wrong, a package is missing, or the numbers differ too much (the
            file is then not kept).
    """
    if size < MULTIPLE or size % MULTIPLE:
        raise InputError(f"size is {size}; it must be a positive multiple of {MULTIPLE}")
    image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    network = copy.deepcopy(model).cpu().float().eval()
    return export_files(network, image, out, formats=formats, names=("rainy", ("restored",)), package=METHOD.name)
