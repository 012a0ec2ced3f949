"""The network as a file that runs without this package, checked on the spot against the network it came from."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim

from visioncore import lora
from visioncore.commands.export import export_files

from .method import METHOD
from .network.model import HSAM
from .network.output import Output
from .network.reference import as_plain

INPUT = "images"
OUTPUTS = ("logits", "coarse_logits", "fine_logits")
"""Names of what goes in and comes out, see `export`; networks with one decoder have no fine logits."""


def export(model: HSAM, out: str | Path, *, formats: Iterable[str] = ("onnx",)) -> dict[Path, float]:
    """Write ``model.onnx`` or ``model.pt2`` for any number of slices, each compared with the model.

    In goes ``images`` (B, 3, S, S) in [0, 1], S the image size of the network; out come ``logits`` (B, K, S, S),
    ``coarse_logits`` (B, K, S/4, S/4) and ``fine_logits`` (B, K, S, S). What is done to scans before, and to labels
    afterwards, is not part of it.

    Args:
        model: the network; exported in float32 on the CPU, with its additions folded.
        out: folder for the files.
        formats: ``onnx`` (opset 18) and ``pt2`` (torch.export).

    Returns:
        Each file with its largest difference from the model, over the largest logit or 1.

    Raises:
        InputError: if a format is wrong, a package is missing, the network is too large for ONNX, or the numbers differ
            too much (the file is then not kept).
    """
    side = model.config.image_size
    # Not one slice: that would be taken for the only number there can be.
    images = torch.rand(3, 3, side, side, generator=torch.Generator().manual_seed(0))
    eager = copy.deepcopy(model).cpu().float().eval()
    return export_files(
        _Exported(model),
        images,
        out,
        formats=formats,
        names=(INPUT, OUTPUTS),
        package=METHOD.name,
        reference=lambda given: _all_logits(eager(given)),
        traced=images[:2],
        dynamic_shapes=({0: Dim("batch", min=1)},),
    )


class _Exported(nn.Module):
    """A copy of a network on its plain path, in plain layers, that returns a tuple."""

    def __init__(self, model: HSAM) -> None:
        super().__init__()
        self.network = as_plain(model).cpu().float().eval().fold()
        self.network.unused = None
        for name, layer in list(self.network.named_modules()):
            if isinstance(layer, lora.LoRALinear):
                self.network.set_submodule(name, _merged(layer))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return _all_logits(self.network(images))


def _all_logits(output: Output) -> tuple[Tensor, ...]:
    """Return what `OUTPUTS` names."""
    both = (output.logits, output.coarse_logits)
    return both if output.fine_logits is None else (*both, output.fine_logits)


def _merged(layer: lora.LoRALinear) -> nn.Linear:
    """Return a folded layer without the additions that are part of its weight."""
    linear = nn.Linear(layer.in_features, layer.out_features, device="meta")
    linear.weight, linear.bias = layer.weight, layer.bias
    return linear
