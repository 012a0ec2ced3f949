"""The injector that training starts from, on its base."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from visioncore.weights.fetched import backbone_file
from visioncore.weights.state_dicts import load_into

from ..method import METHOD
from ..network.model import Injector
from ..network.weights import load_model
from .config import TrainConfig


def initial_injector(config: TrainConfig, base: Any, weights: str | Path | None = None) -> Injector:
    """Return the injector that a run starts from: a new one for the base, or a trained one of the recipe's settings.

    Args:
        config: the recipe; its seed draws what is new.
        base: the pipeline.
        weights: whatever `load_model` takes.

    Raises:
        InputError: if the base is of another kind, CLIP's weights are missing, or the weights do not fit.
    """
    settings, clip = asdict(config.model), None
    if config.model.encoder == "clip" and config.model.form == "anyscene":
        clip = backbone_file(METHOD, config.clip)
    torch.manual_seed(config.loop.seed)
    injector = Injector.for_base(base, clip=clip, **settings)
    if weights is not None:
        load_into(injector, load_model(weights).state_dict(), where=str(weights))
    return injector
