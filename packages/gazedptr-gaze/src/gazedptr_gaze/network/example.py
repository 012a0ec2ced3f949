"""An example of what the networks take."""

from __future__ import annotations

import torch
from torch import Tensor

from .config import GazeConfig


def example_inputs(config: GazeConfig) -> dict[str, Tensor]:
    """Return inputs of one sample by the names of the arguments: random faces, a camera turned by 0.3 rad."""
    shape = 1, 3, config.image_size, config.image_size
    inputs = {"normalised": torch.rand(shape)}
    if config.variant == "gazeptr":
        return inputs
    turn = torch.tensor(0.3)
    to_camera = torch.tensor([[[turn.cos(), 0, turn.sin()], [0, 1, 0], [-turn.sin(), 0, turn.cos()]]])
    inputs |= {"original": torch.rand(shape), "axis": to_camera[:, :, 2].contiguous()}
    if config.variant == "gazedptr_v2":
        inputs |= {"to_camera": to_camera, "origin": torch.tensor([[30.0, -20, 600]])}
    return inputs
