"""Gaussian diffusion: how noise is added, and how it is taken away step by step."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

STEPS = 1000
"""Steps of the process."""
QUANTILE = 0.9
"""Share of a sample's values that the threshold is drawn at."""

Denoise = Callable[[Tensor, Tensor], Tensor]
"""(x, t) -> the noise in x."""
Noise = Callable[[], Tensor]
"""A new tensor of normal noise each time, in the shape of x."""


@dataclass(frozen=True)
class Schedule:
    """Cosine schedule; all are (1000,), computed in double precision and rounded to single, as the authors' are."""

    betas: Tensor
    kept: Tensor
    """Share of the signal's variance that is left at each step, published as alphas_cumprod."""
    kept_before: Tensor
    """The same one step earlier."""
    signal: Tensor
    """Square root of what is kept."""
    noise: Tensor
    """Square root of what is not."""
    clean_of_x: Tensor
    """Share of noisy samples in the estimate of clean ones."""
    clean_of_noise: Tensor
    """Share of the noise that is taken away for it."""
    mean_of_clean: Tensor
    """Share of clean samples in the mean of those one step earlier."""
    mean_of_x: Tensor
    """Share of noisy ones in it."""
    log_variance: Tensor
    """Of the samples one step earlier."""


def cosine_schedule(like: Tensor) -> Schedule:
    """Return the schedule on the device and in the type of a tensor."""
    values = (value.to(like) for value in _cosine_schedule())
    return Schedule(*values)


@cache
def _cosine_schedule() -> tuple[Tensor, ...]:
    place = torch.linspace(0, STEPS, STEPS + 1, dtype=torch.float64) / STEPS
    left = torch.cos((place + 0.008) / 1.008 * math.pi / 2) ** 2
    betas = (1 - left[1:] / left[:-1]).clamp(0, 0.9999)
    kept = torch.cumprod(1 - betas, dim=0)
    before = torch.cat((torch.ones_like(kept[:1]), kept[:-1]))
    values = (
        *(betas, kept, before),
        *(kept.sqrt(), (1 - kept).sqrt(), (1 / kept).sqrt(), (1 / kept - 1).sqrt()),
        betas * before.sqrt() / (1 - kept),
        (1 - before) * (1 - betas).sqrt() / (1 - kept),
        (betas * (1 - before) / (1 - kept)).clamp(min=1e-20).log(),
    )
    return tuple(value.float() for value in values)


def noised(clean: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """Return clean samples (B, ...) with the noise of steps t (B,)."""
    schedule = cosine_schedule(clean)
    return _spread(schedule.signal[t], clean) * clean + _spread(schedule.noise[t], clean) * noise


def denoised(x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """Return the clean samples that noisy ones (B, ...) come from, given the noise."""
    schedule = cosine_schedule(x)
    return _spread(schedule.clean_of_x[t], x) * x - _spread(schedule.clean_of_noise[t], x) * noise


def velocity_of(clean: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """Return the velocity of clean samples (B, ...) with that noise at steps t (B,).

    Source: Salimans and Ho, Progressive Distillation for Fast Sampling of Diffusion Models, ICLR 2022.
    """
    schedule = cosine_schedule(clean)
    return _spread(schedule.signal[t], clean) * noise - _spread(schedule.noise[t], clean) * clean


def noise_by_velocity(x: Tensor, t: Tensor, velocity: Tensor) -> Tensor:
    """Return the noise in noisy samples (B, ...), given their velocity."""
    schedule = cosine_schedule(x)
    return _spread(schedule.noise[t], x) * x + _spread(schedule.signal[t], x) * velocity


def thresholded(clean: Tensor) -> Tensor:
    """Clip each sample at the 0.9-quantile of its sizes, or at 1 if that is more, and divide by it."""
    limit = torch.quantile(clean.flatten(1).abs(), QUANTILE, dim=1).clamp(min=1)
    limit = _spread(limit, clean)
    return torch.maximum(torch.minimum(clean, limit), -limit) / limit


def ddim_times(steps: int) -> list[int]:
    """Return the steps of the process that a sampler visits, from high to low; there are ``steps + 1``."""
    return [int(t) for t in torch.linspace(0, STEPS, steps + 2)[:-1]][::-1]


def official_ddim(
    denoise: Denoise, x: Tensor, steps: int, noise: Noise, *, eta: float = 1.0, threshold: bool = True
) -> Iterator[Tensor]:
    """Sample as the authors' code does, whose update takes the schedule one step late; yield x after each step.

    Args:
        denoise: the network.
        x: (B, ...) normal noise.
        steps: how many.
        noise: source of the noise that is added, all but in the last step.
        eta: how much of it, 0 for none.
        threshold: whether the clean samples are clipped by `thresholded`, as the authors always do.
    """
    schedule = cosine_schedule(x)
    times = ddim_times(steps)
    for now, after in itertools.pairwise(times):
        t = torch.full((len(x),), now, device=x.device)
        found = denoise(x, t)
        clean = denoised(x, t, found)
        if threshold:
            clean = thresholded(clean)
        before, next_ = schedule.kept_before[now], schedule.kept_before[after]
        sigma = eta * ((1 - before / next_) * (1 - next_) / (1 - before)).sqrt()
        x = clean * next_.sqrt() + (1 - next_ - sigma**2).sqrt() * found
        if after > 0:
            x = x + sigma * noise()
        yield x


def posterior(clean: Tensor, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and log variance of the samples one step earlier, given noisy ones and the clean ones."""
    schedule = cosine_schedule(x)
    mean = _spread(schedule.mean_of_clean[t], x) * clean + _spread(schedule.mean_of_x[t], x) * x
    return mean, _spread(schedule.log_variance[t], x)


def _spread(values: Tensor, like: Tensor) -> Tensor:
    return values.view(-1, *(1,) * (like.ndim - 1))
