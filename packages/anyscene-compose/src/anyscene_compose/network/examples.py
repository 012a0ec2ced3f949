"""An example of what goes in, and the network as info tells of it and as it is exported."""

from __future__ import annotations

import torch
from torch import Tensor

from visioncore.commands.description import NO_VARIANT
from visioncore.commands.export import Exported, float32_copy
from visioncore.errors import InputError

from .config import VARIANTS, InjectorConfig
from .encoder import CELLS
from .model import Injector

SIDE = 64
"""Of the latents: an image of 512 pixels with a base of Stable Diffusion."""
TEXT = 77
"""Tokens of a prompt."""
CLIP_PATCHES = 256
"""Of an image of 224 pixels in ViT-L/14."""
STEP = 500.0


def inputs(config: InjectorConfig) -> dict[str, Tensor]:
    """Return noisy latents, the timestep, and a foreground of one element: {name: tensor}."""
    patches = CELLS**2 if config.encoder == "patches" else CLIP_PATCHES
    context = (1, TEXT, config.context) if config.form == "canny" else (1, patches, config.features)
    side = SIDE * config.control.factor
    return {
        "latents": torch.randn(1, 4, SIDE, SIDE),
        "timestep": torch.tensor([STEP]),
        "condition": torch.rand(1, config.channels, side, side),
        "features": torch.randn(context),
    }


def facts(config: InjectorConfig) -> dict[str, str]:
    """Return the settings as text, without the list of the base's layers."""
    control = config.control
    known = next((name for name, variant in VARIANTS.items() if variant == config), NO_VARIANT)
    base = f"blocks of {'/'.join(map(str, control.blocks))}, tokens of {config.context}"
    if config.form == "canny":
        form = "edges alone, and a spatial route that reads the prompt; for comparison"
        return {"network": known, "form": form, "base": base}
    encoders = {"clip": "patch tokens of CLIP's image tower", "patches": "patches of pixels"}
    resampler = f"a resampler of {config.layers} layers of width {config.width}"
    return {
        "network": known,
        "form": "a spatial route that reads the foreground, and decoupled cross-attention",
        "element": f"{config.tokens} tokens, by {resampler}, of {encoders[config.encoder]} of width {config.features}",
        "base": f"{base}, {len(config.attention)} cross-attention layers",
    }


def exported(model: Injector) -> Exported:
    """Return the way from a foreground to tokens and residuals as it is exported, for latents of one size.

    Raises:
        InputError: if it is the form for comparison.
    """
    if model.config.form == "canny":
        raise InputError("the form canny is for comparison and is not exported; diffusers has ControlNets of its own")
    return Exported(float32_copy(model), inputs(model.config))
