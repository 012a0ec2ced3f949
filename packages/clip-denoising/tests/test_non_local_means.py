"""Non-local means: what it estimates, and that it denoises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from clip_denoising.data.noise import Noise
from clip_denoising.data.noise_level import estimate_sigma
from clip_denoising.inference.non_local_means import non_local_means
from visioncore.errors import InputError

SMOOTH = np.stack([np.add.outer(np.linspace(0.2, 0.5, 48), np.linspace(0, 0.3, 64))] * 3, axis=-1).astype(np.float32)


def noisy(name: str, level: float) -> Any:
    return Noise(name, level)(SMOOTH, np.random.RandomState(0))


@pytest.mark.parametrize("level", [5.0, 15.0, 50.0])
def test_independent_noise_is_estimated(level: float) -> None:
    assert estimate_sigma(noisy("gaussian", level)) * 255 == pytest.approx(level, rel=0.06)


def test_alike_noise_is_underestimated_and_small_images_have_none() -> None:
    assert estimate_sigma(noisy("spatial", 45.0)) * 255 < 10
    assert estimate_sigma(SMOOTH) < 1e-6
    assert estimate_sigma(SMOOTH[:2]) == 0


def test_non_local_means_denoises_each_image_by_its_own_noise() -> None:
    batch = torch.stack([torch.from_numpy(noisy("gaussian", level)).permute(2, 0, 1) for level in (5.0, 25.0)])
    clean = torch.from_numpy(SMOOTH).permute(2, 0, 1)
    result = non_local_means(batch)
    assert result.shape == batch.shape
    assert result.dtype == torch.float32
    before, after = ((each - clean).square().mean(dim=(1, 2, 3)) for each in (batch, result))
    assert (after < 0.4 * before).all()
    torch.testing.assert_close(result[1:], non_local_means(batch[1:]), rtol=0, atol=0)


def test_noise_that_is_told_and_one_channel() -> None:
    grey = torch.from_numpy(noisy("spatial", 45.0))[..., 0][None, None]
    clean = torch.from_numpy(SMOOTH)[..., 0]
    blind, told = (non_local_means(grey, sigma) for sigma in (None, 15 / 255))
    assert blind.shape == grey.shape
    assert (told - clean).square().mean() < (blind - clean).square().mean()
    rounded = non_local_means(grey, 0.0)
    torch.testing.assert_close(rounded, grey.clamp(0, 1), rtol=0, atol=0.51 / 255)


def test_the_estimate_takes_grey_and_refuses_batches() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (96, 96))
    assert estimate_sigma(noise) == pytest.approx(0.1, rel=0.05)
    assert estimate_sigma(255 * noise) == pytest.approx(255 * estimate_sigma(noise))
    with pytest.raises(InputError, match=r"\(H, W\) or \(H, W, C\), got \(2, 3, 4, 5\)"):
        estimate_sigma(np.zeros((2, 3, 4, 5)))
