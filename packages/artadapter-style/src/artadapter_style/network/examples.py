"""An example of what goes in, and the network as info tells of it and as it is exported."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.export import Dim

from visioncore.commands.description import NO_VARIANT
from visioncore.commands.export import Exported, float32_copy

from .config import VARIANTS, ArtAdapterConfig
from .model import ArtAdapter

SIDE = 512
"""Longer side of references, by default."""


def inputs(config: ArtAdapterConfig) -> dict[str, Tensor]:
    """Return a reference: {name: tensor}."""
    return {"image": torch.rand(1, 3, SIDE, SIDE)}


def facts(config: ArtAdapterConfig) -> dict[str, str]:
    """Return the settings as text, without the list of the base's layers."""
    known = next((name for name, variant in VARIANTS.items() if variant == config), NO_VARIANT)
    forms = {"explicit": "one softmax over style and text", "decoupled": "two softmaxes, for comparison"}
    vgg = "published weights" if config.vgg_seed is None else f"weights drawn from {config.vgg_seed}"
    levels = "; ".join(f"{level} {', '.join(names)}" for level, names in config.by_level.items())
    return {
        "network": known,
        "form": forms[config.form],
        "style": f"{config.tokens} tokens of width {config.width} for each level, {config.hidden} inside: {levels}",
        "base": f"{len(config.attention)} cross-attention layers",
        "VGG-19": f"{config.vgg_width} channels, {vgg}",
    }


def exported(model: ArtAdapter) -> Exported:
    """Return the way from references to style tokens as it is exported, for references of any size."""
    network: nn.Module = float32_copy(model)
    shapes = {"image": {2: Dim("height", min=16, max=4096), 3: Dim("width", min=16, max=4096)}}
    return Exported(network, {"image": torch.rand(1, 3, 96, 64)}, dynamic_shapes=shapes)
