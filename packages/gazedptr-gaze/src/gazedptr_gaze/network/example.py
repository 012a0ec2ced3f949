"""An example of what the networks take."""

from __future__ import annotations

import torch
from torch import Tensor

from .config import GazeConfig

SIZE = 224


def example_inputs(config: GazeConfig) -> dict[str, Tensor]:
    """Return inputs of one sample by the names of the arguments: random faces 224x224, a camera turned by 0.3 rad."""
    inputs = {"normalised": torch.rand(1, 3, SIZE, SIZE)}
    if config.variant == "gazeptr":
        return inputs
    turn = torch.tensor(0.3)
    to_camera = torch.tensor([[[turn.cos(), 0, turn.sin()], [0, 1, 0], [-turn.sin(), 0, turn.cos()]]])
    inputs |= {"original": torch.rand(1, 3, SIZE, SIZE), "axis": to_camera[:, :, 2].contiguous()}
    if config.variant == "gazedptr_v2":
        inputs |= {"to_camera": to_camera, "origin": torch.tensor([[30.0, -20, 600]])}
    return inputs
