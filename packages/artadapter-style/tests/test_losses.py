"""The losses and the arithmetic around them, by hand."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler

from artadapter_style.network.losses import offset_loss
from visioncore.diffusion.losses import denoising_loss
from visioncore.diffusion.schedule import (
    alpha_bars,
    ddim_previous,
    ddim_timesteps,
    guided,
    guided_two,
    min_snr_weights,
    noisy,
    prediction_of,
    velocity,
)
from visioncore.errors import InputError


def test_the_loss_is_the_mean_square() -> None:
    found, noise = torch.randn(2, 3, 4, 8, 8, dtype=torch.float64)
    by_sample = (found - noise).pow(2).mean(dim=(1, 2, 3))
    assert denoising_loss(found, noise) == pytest.approx(float(by_sample.mean()))
    assert denoising_loss(noise, noise) == 0
    weights = torch.tensor([1.0, 0.5, 0.0])
    expected = float((by_sample * weights.double()).mean())
    assert denoising_loss(found, noise, weights) == pytest.approx(expected)


def test_half_precision_is_summed_in_full() -> None:
    found = torch.full((1, 4, 64, 64), 300.0, dtype=torch.float16)
    loss = denoising_loss(found, torch.zeros_like(found))
    assert loss.dtype == torch.float32
    assert float(loss) == 90_000


def test_steps_of_little_noise_count_less() -> None:
    bars = alpha_bars()
    timesteps = torch.tensor([0, 300, 999])
    snr = bars[timesteps] / (1 - bars[timesteps])
    weights = min_snr_weights(timesteps, bars)
    assert float(snr[0]) > 5 > float(snr[2])
    assert weights[0] == pytest.approx(5 / float(snr[0]))
    assert weights[2] == 1
    assert min_snr_weights(timesteps, bars, most=float("inf")).tolist() == [1, 1, 1]
    # noise that is read off the velocity is wrong by sqrt(alpha bar) of what the velocity is wrong by
    shares = min_snr_weights(timesteps, bars, prediction="v_prediction")
    torch.testing.assert_close(shares, weights * bars[timesteps])


def test_velocity_and_noise_tell_the_same() -> None:
    bars, timesteps = alpha_bars(), torch.tensor([5, 500])
    latents, noise = torch.randn(2, 2, 4, 6, 6, dtype=torch.float64)
    bar = bars[timesteps].view(2, 1, 1, 1)
    told = velocity(latents, noise, timesteps, bars)
    x = noisy(latents, noise, timesteps, bars)
    torch.testing.assert_close(bar.sqrt() * told + (1 - bar).sqrt() * x, noise)
    torch.testing.assert_close(bar.sqrt() * x - (1 - bar).sqrt() * told, latents)


def test_bases_that_predict_something_else_are_not_trained_on() -> None:
    assert prediction_of(DDIMScheduler()) == "epsilon"
    assert prediction_of(DDIMScheduler(prediction_type="v_prediction")) == "v_prediction"
    with pytest.raises(InputError, match="'sample'; to train on, it must predict"):
        prediction_of(DDIMScheduler(prediction_type="sample"))


def test_offsets_cost_their_length() -> None:
    start = {"low": torch.full((3, 4), 2.0), "high": torch.full((3, 4), 1.0)}
    offsets = {level: torch.zeros(3, 4, requires_grad=True) for level in start}
    assert offset_loss(offsets, start) == 0  # type: ignore[arg-type]
    moved = {"low": torch.full((3, 4), 1.0), "high": torch.full((3, 4), 0.5)}
    assert offset_loss(moved, start) == pytest.approx(0.25)  # type: ignore[arg-type]


def test_noise_is_added_and_taken_off() -> None:
    bars = alpha_bars()
    latents, noise = torch.randn(2, 2, 4, 6, 6)
    t = torch.tensor([981, 41])
    x = noisy(latents, noise, t, bars)
    assert x.dtype == torch.float32
    # the right noise leads to the same latents at a lower level of noise
    before = ddim_previous(x, noise, t, 50, bars)
    torch.testing.assert_close(before, noisy(latents, noise, t - 20, bars), atol=1e-5, rtol=0)
    last = ddim_previous(noisy(latents, noise, torch.tensor([1, 1]), bars), noise, torch.tensor([1, 1]), 50, bars)
    torch.testing.assert_close(last, noisy(latents, noise, torch.tensor([0, 0]), bars), atol=1e-5, rtol=0)


def test_timesteps() -> None:
    assert ddim_timesteps(4).tolist() == [751, 501, 251, 1]
    assert ddim_timesteps(1).tolist() == [1]
    assert ddim_timesteps(30)[0] == 29 * 33 + 1
    for steps in (0, 1001):
        with pytest.raises(InputError, match=f"steps is {steps}; it must be from 1 to 1000"):
            ddim_timesteps(steps)


def test_guidance() -> None:
    uncond, text, both = torch.randn(3, 2, 4)
    torch.testing.assert_close(guided(uncond, both, 1.0), both)
    torch.testing.assert_close(guided(uncond, both, 0.0), uncond)
    torch.testing.assert_close(guided_two(uncond, text, both, 1.0, 1.0), both)
    torch.testing.assert_close(guided_two(uncond, text, both, 7.5, 7.5), guided(uncond, both, 7.5))
    torch.testing.assert_close(guided_two(uncond, text, both, 7.5, 0.0), guided(uncond, text, 7.5))
