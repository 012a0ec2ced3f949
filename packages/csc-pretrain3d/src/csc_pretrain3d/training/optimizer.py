"""The optimizers of the published set-ups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from visioncore.training import OptimizerOf, Share

from .config import TrainConfig
from .finetuning import LAST_LAYER


def optimizer_of(config: TrainConfig) -> OptimizerOf | None:
    """Return the maker of a recipe's optimizer: SGD with momentum, or None for the Adam of its loop."""
    sgd = config.sgd
    if sgd is None:
        return None

    def make(groups: list[dict[str, Any]], rate: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(groups, rate, momentum=sgd.momentum, dampening=sgd.dampening)

    return make


def head_shares(config: TrainConfig) -> Callable[[str, nn.Parameter], Share]:
    """Return the shares of the learning rate: the last layer of the network has its own, ``loop.learning_rate``."""

    last = LAST_LAYER[type(config.model)]

    def share(name: str, _parameter: nn.Parameter) -> Share:
        return Share() if name.split(".")[1] == last else Share(rate=config.trunk_rate)

    return share
