"""The spectrum of errors: white ones are flat, waves and averages stand where they should."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from clip_denoising.evaluation.noise_power import SIDE, noise_power


def test_independent_errors_have_their_variance_everywhere() -> None:
    power = noise_power(3 * torch.randn(512, 640, generator=torch.Generator().manual_seed(0)))
    assert power.shape == (SIDE // 2,)
    assert power.dtype == torch.float64
    assert power[2:].numpy() == pytest.approx(np.full(SIDE // 2 - 2, 9.0), rel=0.12)


@pytest.mark.parametrize("down", [False, True])
def test_a_wave_stands_at_its_frequency(down: bool) -> None:
    wave = 2 * torch.cos(2 * math.pi * 8 * torch.arange(2 * SIDE) / SIDE).expand(SIDE, 2 * SIDE)
    power = noise_power(wave.T if down else wave)
    assert int(power.argmax()) == 8
    assert power[8] > 100 * power[[*range(7), *range(10, SIDE // 2)]].max()


def test_neighbours_that_are_alike_lack_high_frequencies() -> None:
    field = np.random.default_rng(0).normal(size=(256, 256))
    power = noise_power(torch.from_numpy(ndimage.uniform_filter(field, 3, mode="wrap")))
    assert power[2:5].mean() > 20 * power[-3:].mean()
    assert power[3] == pytest.approx(1, rel=0.3)


def test_what_changes_slowly_is_no_noise() -> None:
    rows, columns = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    assert noise_power(5 + 0.3 * rows - 0.2 * columns).max() < 1e-9
