"""Samplers: what they draw, from which noise, and what they are told of."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from tiny import tiny_pipeline
from torch import Tensor

from lvmm_motion.inference.sampling import SAMPLERS, generator_of, last_of, limited, noise_of, sample
from lvmm_motion.inference.schedulers import scheduled
from lvmm_motion.network.animation import AnimationPipeline
from lvmm_motion.network.attention import CrossAttention
from lvmm_motion.network.diffusion import (
    cosine_schedule,
    denoised,
    noise_by_velocity,
    noised,
    official_ddim,
    posterior,
    thresholded,
    velocity_of,
)
from visioncore.errors import InputError

MEAN, SPREAD = 1.5, 0.4


@pytest.fixture(scope="module")
def pipeline() -> AnimationPipeline:
    return tiny_pipeline().double()


def best_noise(x: Tensor, t: Tensor) -> Tensor:
    """Return the noise as the best denoiser of samples of this mean and spread predicts it."""
    schedule = cosine_schedule(x)
    shape = (-1, *(1,) * (x.ndim - 1))
    kept, noise, signal = (values[t].view(shape) for values in (schedule.kept, schedule.noise, schedule.signal))
    return noise * (x - signal * MEAN) / (kept * SPREAD**2 + 1 - kept)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_samples_are_distributed_as_the_data(sampler: str) -> None:
    generators = [generator_of(seed) for seed in range(2)]
    noise = noise_of(generators, (4000,), torch.empty(0, dtype=torch.float64))
    if sampler == "official-ddim":
        made = official_ddim(best_noise, noise(), 100, noise, threshold=False)
    else:
        made = scheduled(best_noise, noise(), 100, generators, sampler=sampler, threshold=False)
    drawn = last_of(made, 100)
    assert float(drawn.mean()) == pytest.approx(MEAN, abs=0.03)
    assert float(drawn.std()) == pytest.approx(SPREAD, abs=0.03)


def test_ddpm_of_diffusers_is_ancestral_sampling() -> None:
    start = torch.randn(1, 6, 3, dtype=torch.float64, generator=generator_of(0))
    made = scheduled(best_noise, start, 1000, [generator_of(1)], sampler="ddpm", threshold=True)
    x, own = start, generator_of(1)
    for t in range(999, -1, -1):
        now = torch.tensor([t])
        mean, log_variance = posterior(thresholded(denoised(x, now, best_noise(x, now))), x, now)
        drawn = torch.randn(1, 6, 3, dtype=torch.float64, generator=own) if t else torch.zeros_like(x)
        x = mean + (log_variance / 2).exp() * drawn
    # diffusers multiplies the schedule up in single precision
    torch.testing.assert_close(last_of(made, 1000), x, rtol=0, atol=1e-3)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sample_does_not_depend_on_its_batch(pipeline: AnimationPipeline, sampler: str) -> None:
    tokens = torch.randn(3, 2, 16, dtype=torch.float64)
    together = sample(pipeline, tokens, sampler, 5, [generator_of(seed) for seed in range(3)], 2.0)  # type: ignore[arg-type]
    for seed in range(3):
        alone = sample(pipeline, tokens[seed : seed + 1], sampler, 5, generator_of(seed), 2.0)  # type: ignore[arg-type]
        torch.testing.assert_close(together[seed : seed + 1], alone, rtol=0, atol=1e-10)
    assert not torch.equal(together[0], together[1])


def test_guidance_takes_one_batch_a_step(pipeline: AnimationPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    forward = pipeline.denoiser.forward

    def counted(x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        seen.append(len(x))
        return forward(x, t, condition)

    monkeypatch.setattr(pipeline.denoiser, "forward", counted)
    tokens = torch.randn(2, 1, 16, dtype=torch.float64)
    for guidance in (0.0, 1.0, 3.0):
        sample(pipeline, tokens, "official-ddim", 4, generator_of(0), guidance)
    assert seen == [2] * 8 + [4] * 4


def test_a_condition_is_looked_at_once_for_all_steps(
    pipeline: AnimationPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[CrossAttention] = []
    made = CrossAttention.keys_and_values

    def counted(layer: CrossAttention, context: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(layer)
        return made(layer, context)

    monkeypatch.setattr(CrossAttention, "keys_and_values", counted)
    sample(pipeline, torch.randn(1, 2, 16, dtype=torch.float64), "official-ddim", 4, generator_of(0), 2.0)
    assert len(seen) == len(set(seen)) > 1


def test_velocity_means_the_noise_it_was_made_of() -> None:
    clean, noise = torch.randn(2, 4, 3, 3, dtype=torch.float64, generator=generator_of(0)).unbind()
    t = torch.tensor([0, 300, 700, 999])
    found = noise_by_velocity(noised(clean, t, noise), t, velocity_of(clean, t, noise))
    torch.testing.assert_close(found, noise, rtol=0, atol=1e-6)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_denoiser_of_velocity_draws_as_one_of_the_same_noise(
    pipeline: AnimationPipeline, sampler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens, drawn = torch.randn(1, 2, 16, dtype=torch.float64), []
    predict = pipeline.denoiser.forward

    def as_velocity(x: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        noise = predict(x, t, condition)
        return velocity_of(denoised(x, t, noise), t, noise)

    for prediction, forward in (("noise", predict), ("velocity", as_velocity)):
        monkeypatch.setattr(pipeline, "config", replace(pipeline.config, prediction=prediction))  # type: ignore[arg-type]
        monkeypatch.setattr(pipeline.denoiser, "forward", forward)
        drawn.append(sample(pipeline, tokens, sampler, 5, generator_of(0), 2.0))  # type: ignore[arg-type]
    torch.testing.assert_close(*drawn, rtol=0, atol=1e-4)


def test_clean_samples_stay_within_the_limit() -> None:
    clean, noise = torch.linspace(-9, 9, 19).double()[None], torch.linspace(2, -2, 19).double()[None]
    t = torch.tensor([300])
    x = noised(clean, t, noise)
    found = limited(lambda x, t: noise, 5.0)(x, t)
    torch.testing.assert_close(denoised(x, t, found), clean.clamp(-5, 5), rtol=0, atol=1e-5)
    within = clean.abs()[0] <= 5
    assert torch.equal(found[0, within], noise[0, within])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_numbers_that_are_not_finite_stop_it(pipeline: AnimationPipeline, sampler: str) -> None:
    steps, tokens = itertools.count(1), torch.full((1, 1, 16), torch.nan, dtype=torch.float64)
    with pytest.raises(InputError, match=r"not finite after step 1 of 4; .*float32"):
        sample(pipeline, tokens, sampler, 4, generator_of(0), advance=lambda: next(steps))  # type: ignore[arg-type]
    assert next(steps) == 1


def test_options_that_will_not_do(pipeline: AnimationPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = torch.zeros(1, 1, 16, dtype=torch.float64)
    draw: Callable[..., Tensor] = lambda *more: sample(pipeline, tokens, *more)  # noqa: E731
    for more, told in (
        (("euler",), "sampler is 'euler'; it must be one of official-ddim, ddim, ddpm, dpm"),
        (("ddim", 0), "steps is 0; it must be from 1 to 999"),
        (("ddim", 1000), "steps is 1000"),
        (("ddim", 3, None, -1.0), r"guidance is -1\.0"),
    ):
        with pytest.raises(InputError, match=told):
            draw(*more)
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(InputError, match=r'ddpm needs diffusers; run: pip install "lvmm-motion\[samplers\]"'):
        draw("ddpm", 3)
