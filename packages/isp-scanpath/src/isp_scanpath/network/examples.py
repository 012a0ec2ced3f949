"""Examples of what the networks take, for counting operations, exporting and measuring."""

from __future__ import annotations

import torch
from torch import Tensor

from .config import ChenLSTMConfig, Config


def inputs(config: Config) -> dict[str, Tensor]:
    """Return one image with all observers: {name: tensor} in the order of the network's arguments."""
    observers = torch.arange(config.observers)[None]
    if isinstance(config, ChenLSTMConfig):
        found = {
            "images": torch.randn(1, 3, *config.image_size),
            "observers": observers,
            "guidance": torch.rand(1, *config.grid),
        }
        return found | ({"tasks": torch.zeros(1, dtype=torch.long)} if config.categories else {})
    tokens = config.grid[0] * config.grid[1]
    return {
        "features": torch.randn(1, tokens, config.feature_channels),
        "observers": observers,
        "task": torch.randn(1, config.text_channels),
    }
