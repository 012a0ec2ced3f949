"""The training loss."""

from __future__ import annotations

import torch

from csc_pretrain3d.network.losses import training_losses


def test_mean_of_squares() -> None:
    losses = training_losses(torch.full((1, 3, 2, 2), 0.5), torch.zeros(1, 3, 2, 2))
    assert {name: float(value) for name, value in losses.items()} == {"squared_error": 0.25}
