"""The loss against its formula."""

from __future__ import annotations

import pytest
import torch

from clip_denoising.network.losses import training_losses


def test_it_is_the_mean_absolute_difference_of_what_is_not_clamped() -> None:
    denoised = torch.tensor([[[[1.5, 0.25]]], [[[-1.0, 0.5]]]])
    clean = torch.tensor([[[[1.0, 0.5]]], [[[0.0, 0.5]]]])
    losses = training_losses(denoised, clean)
    assert list(losses) == ["l1"]
    assert float(losses["l1"]) == pytest.approx((0.5 + 0.25 + 1.0 + 0) / 4)


def test_its_gradient() -> None:
    denoised = torch.tensor([2.0, -1.0, 0.5, 0.25], requires_grad=True)
    training_losses(denoised, torch.tensor([1.0, 1.0, 0.5, 0.0]))["l1"].backward()
    assert denoised.grad is not None
    assert denoised.grad.tolist() == [0.25, -0.25, 0.0, 0.25]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_it_is_computed_in_float32_or_better(dtype: torch.dtype) -> None:
    denoised = torch.full((1, 3, 64, 64), 1.0, dtype=dtype)
    loss = training_losses(denoised, torch.full((1, 3, 64, 64), 0.9996))["l1"]
    assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert float(loss) == pytest.approx(0.0004, rel=1e-2)
