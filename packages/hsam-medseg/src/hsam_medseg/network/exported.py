"""The network as it is exported: for any number of slices, with the tensors of both decoders by name."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn
from torch.export import Dim

from visioncore import lora
from visioncore.commands.export import Exported, float32_copy

from .config import HSAMConfig
from .model import HSAM
from .reference import as_reference


class Logits(nn.Module):
    """A network that returns a tuple: its logits, those of the first decoder, and those of the second if it has one."""

    def __init__(self, network: HSAM) -> None:
        super().__init__()
        self.network = network

    @classmethod
    def folded(cls, network: HSAM) -> Self:
        """Return a network with its low-rank additions folded, as inference runs it."""
        return cls(network.fold())

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        output = self.network(images)
        both = (output.logits, output.coarse_logits)
        return both if output.fine_logits is None else (*both, output.fine_logits)


def slices(config: HSAMConfig) -> dict[str, Tensor]:
    """Return a random slice, {name: (1, 3, S, S)} with values in [0, 1]."""
    return {"images": torch.rand(1, 3, config.image_size, config.image_size)}


def exported(model: HSAM) -> Exported:
    """Return the network and inputs to export.

    In go ``images`` (B, 3, S, S) in [0, 1], S the image size of the network; out come ``logits`` (B, K, S, S),
    ``coarse_logits`` (B, K, S/4, S/4) and ``fine_logits`` (B, K, S, S). What is done to scans before, and to labels
    afterwards, is not part of it.
    """
    side = model.config.image_size
    # Not one slice: that would be taken for the only number there can be.
    images = torch.rand(3, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = Logits(float32_copy(model))(images)
    return Exported(
        Logits(plain_layers(model)),
        {"images": images},
        expected=expected,
        traced=(images[:2],),
        dynamic_shapes=({0: Dim("batch", min=1)},),
    )


def plain_layers(model: HSAM) -> HSAM:
    """Return a copy of a network on its reference path, in plain layers and without what has no effect."""
    network = as_reference(model).cpu().float().eval().fold()
    network.unused = None
    for name, layer in list(network.named_modules()):
        if isinstance(layer, lora.LoRALinear):
            network.set_submodule(name, _merged(layer))
    return network


def _merged(layer: lora.LoRALinear) -> nn.Linear:
    """Return a folded layer as a standard one."""
    linear = nn.Linear(layer.in_features, layer.out_features, device="meta")
    linear.weight, linear.bias = layer.weight, layer.bias
    return linear
