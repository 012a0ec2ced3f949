"""The adapter that training starts from, on its base."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from visioncore.diffusion.channels import CHANNELS
from visioncore.errors import InputError
from visioncore.weights.fetched import backbone_file
from visioncore.weights.state_dicts import load_into

from ..method import METHOD
from ..network.model import ArtAdapter
from ..network.weights import load_model
from .config import TrainConfig
from .denoising import WHOLE


def check_trainable(base: Any) -> None:
    """Validate that an adapter can be trained on a base.

    Raises:
        InputError: if it is a model for inpainting.
    """
    if (found := base.unet.config.in_channels) != CHANNELS:
        raise InputError(
            f"the base's U-Net takes {found} channels; an adapter is trained on one that takes {CHANNELS}, and can be "
            "used on a model for inpainting then"
        )


def initial_adapter(config: TrainConfig, base: Any, weights: str | Path | None = None) -> ArtAdapter:
    """Return the adapter that a run starts from: a new one for the base, or a trained one of the recipe's settings.

    Args:
        config: the recipe; its seed draws what is new.
        base: the pipeline.
        weights: whatever `load_model` takes; what they lack, such as the content adapter, is new.

    Raises:
        InputError: if the base is of another kind, VGG-19 is missing, or the weights do not fit.
    """
    check_trainable(base)
    settings = asdict(config.model)
    vgg = None
    if config.model.vgg_seed is None:
        vgg = backbone_file(METHOD, config.vgg)
    torch.manual_seed(config.loop.seed)
    adapter = ArtAdapter.for_base(base.unet, base.text_encoder, vgg=vgg, content=config.content, **settings)
    if weights is None:
        return adapter
    given = load_whole(weights)
    if adapter.aca is None:
        given = given.for_inference()
    state = adapter.state_dict()
    load_into(adapter, {**state, **given.state_dict()}, where=str(weights))
    return adapter


def load_whole(weights: str | Path) -> ArtAdapter:
    """Return trained weights with their content adapter, if they lie where a run has left it.

    Raises:
        InputError: if they cannot be read.
    """
    inside = Path(weights) / WHOLE
    return load_model(inside if inside.is_dir() else weights)
