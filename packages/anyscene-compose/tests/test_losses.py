"""How much places count in training, by hand."""

from __future__ import annotations

import pytest
import torch

from anyscene_compose.network.losses import place_weights
from visioncore.diffusion.losses import denoising_loss


def test_the_foreground_counts_little() -> None:
    alpha = torch.zeros(1, 1, 32, 48)
    alpha[..., :16, :24] = 1
    alpha[..., :16, 24:28] = 0.5
    weights = place_weights(alpha, 4, 6)
    assert weights.shape == (1, 1, 4, 6)
    torch.testing.assert_close(weights[0, 0, :2, :3], torch.full((2, 3), 0.1))
    # half of a place, half transparent
    torch.testing.assert_close(weights[0, 0, :2, 3], torch.full((2,), 1 - 0.9 / 4))
    assert weights[0, 0, 2:].eq(1).all()
    assert weights[0, 0, :, 4:].eq(1).all()


def test_the_loss_is_the_weighted_mean_square() -> None:
    found, noise = torch.randn(2, 3, 4, 8, 8, dtype=torch.float64)
    places = torch.rand(3, 1, 8, 8, dtype=torch.float64)
    by_sample = ((found - noise).pow(2) * places).mean(dim=(1, 2, 3))
    assert denoising_loss(found, noise, places=places) == pytest.approx(float(by_sample.mean()))
    weights = torch.tensor([1.0, 0.5, 0.0])
    expected = float((by_sample * weights.double()).mean())
    assert denoising_loss(found, noise, weights, places) == pytest.approx(expected)
    plain = denoising_loss(found, noise, weights)
    assert denoising_loss(found, noise, weights, torch.ones_like(places)) == plain
