"""Motions drawn: from noise, step by step, to the Fourier coefficients of a clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from visioncore.devices import autocast
from visioncore.errors import InputError

from ..network.animation import AnimationPipeline
from ..network.diffusion import (
    STEPS,
    Denoise,
    Noise,
    cosine_schedule,
    denoised,
    noise_by_velocity,
    official_ddim,
)
from ..network.unet import guided
from .schedulers import scheduled

Sampler = Literal["official-ddim", "ddim", "ddpm", "dpm++"]
SAMPLERS: tuple[str, ...] = get_args(Sampler)
"""The authors' own, and those of diffusers."""
MOST_SEED = 2**63 - 1
"""Largest seed that generators take on every machine."""
LIMIT = 5.0
"""Standard deviations beyond which no coefficient is taken to lie while it is drawn."""


@torch.inference_mode()
def sample(
    pipeline: AnimationPipeline,
    condition: Tensor,
    sampler: Sampler = "official-ddim",
    steps: int = 250,
    generator: torch.Generator | Sequence[torch.Generator] | None = None,
    guidance: float = 1.0,
    *,
    dtype: torch.dtype = torch.float32,
    advance: Callable[[], object] = lambda: None,
) -> Tensor:
    """Draw motions.

    Args:
        pipeline: its denoiser draws.
        condition: tokens (B, n, context), on its device.
        sampler: which one of `SAMPLERS`; all but the authors' own need the extra ``samplers``.
        steps: of it, 1 to 999.
        generator: of the noise, on the CPU; one for each sample, so that what comes out does not depend on the batch.
        guidance: 1 takes the condition as it is, above 1 leads further, 0 is without it.
        dtype: precision of the denoiser.
        advance: called after each step.

    Returns:
        Coefficients (B, 6, k, h, w), to be decoded by ``pipeline.representation``.

    Raises:
        InputError: if an option is not what it should be, diffusers is not installed, or the numbers are not finite.
    """
    check_sampler(sampler, steps, guidance)
    device, config = condition.device, pipeline.config
    generators = list(generator) if isinstance(generator, Sequence) else [generator] * len(condition)
    noise = noise_of(generators, (6, config.keep, config.size, config.size), condition)
    official = config.representation == "official"
    with autocast(device, dtype):
        seen = pipeline.denoiser.prepared(condition)

    def predicted(x: Tensor, t: Tensor) -> Tensor:
        with autocast(device, dtype):
            found = guided(pipeline.denoiser, guidance, x, t, seen).to(x.dtype)
        return noise_by_velocity(x, t, found) if config.prediction == "velocity" else found

    denoise = predicted if official else limited(predicted, LIMIT)
    if sampler == "official-ddim":
        made = official_ddim(denoise, noise(), steps, noise, threshold=official)
    else:
        made = scheduled(denoise, noise(), steps, generators, sampler=sampler, threshold=official)
    return last_of(made, steps, advance)


def last_of(made: Iterator[Tensor], steps: int, advance: Callable[[], object] = lambda: None) -> Tensor:
    """Return the samples after the last step of a sampler.

    Args:
        made: what it yields.
        steps: how many times.
        advance: called after each.

    Raises:
        InputError: as soon as a number is not finite.
    """
    x = torch.empty(0)
    for number, x in enumerate(made, start=1):
        if not x.isfinite().all():
            raise InputError(
                f"what is drawn is not finite after step {number} of {steps}; use weights that are, or a higher "
                "precision (float32)"
            )
        advance()
    return x


def limited(denoise: Denoise, limit: float | Tensor) -> Denoise:
    """Return a network whose noise never means clean samples beyond a limit on either side.

    At the first steps a small error of the noise means a large one of the samples; without a limit some are lost.
    """

    def inside(x: Tensor, t: Tensor) -> Tensor:
        schedule = cosine_schedule(x)
        found = denoise(x, t)
        clean = denoised(x, t, found)
        shape = (-1, *(1,) * (x.ndim - 1))
        signal, noise = (values[t].view(shape) for values in (schedule.signal, schedule.noise))
        beyond = clean.abs() > limit
        return torch.where(beyond, (x - signal * clean.sign() * limit) / noise, found)

    return inside


def noise_of(generators: Sequence[torch.Generator | None], shape: tuple[int, ...], like: Tensor) -> Noise:
    """Return a source of noise (B, *shape) that draws each sample from its own generator, in single precision.

    Args:
        generators: one for each sample, on the CPU; None is the one that all share.
        shape: of a sample.
        like: has the device and the type of the noise.
    """

    def drawn() -> Tensor:
        return torch.stack([torch.randn(shape, generator=each) for each in generators]).to(like)

    return drawn


def generator_of(seed: int) -> torch.Generator:
    """Return a generator on the CPU, which draws the same on every machine.

    Raises:
        InputError: if the seed is not what generators take.
    """
    if not 0 <= seed <= MOST_SEED:
        raise InputError(f"seed is {seed}; it must be from 0 to 2^63 - 1")
    return torch.Generator().manual_seed(seed)


def check_sampler(sampler: str, steps: int, guidance: float) -> None:
    """Validate the options of `sample`.

    Raises:
        InputError: if one is not what it should be.
    """
    if sampler not in SAMPLERS:
        raise InputError(f"sampler is {sampler!r}; it must be one of {', '.join(SAMPLERS)}")
    if not 1 <= steps < STEPS:
        raise InputError(f"steps is {steps}; it must be from 1 to {STEPS - 1}")
    if not 0 <= guidance <= 100:
        raise InputError(f"guidance is {guidance}; it must be from 0 to 100")
