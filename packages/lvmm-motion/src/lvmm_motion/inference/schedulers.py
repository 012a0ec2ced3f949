"""Samplers of the package diffusers, on the same noise schedule as the authors' own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from visioncore.errors import InputError

from ..method import METHOD
from ..network.diffusion import QUANTILE, Denoise, cosine_schedule

_NO_LIMIT = 1e30
# below it the log of signal over noise is not finite in single precision
_LEAST_LAMBDA = -5.1


def scheduled(
    denoise: Denoise,
    x: Tensor,
    steps: int,
    generators: Sequence[torch.Generator | None],
    *,
    sampler: str,
    threshold: bool,
) -> Iterator[Tensor]:
    """Sample, and yield x after each step.

    Args:
        denoise: the network.
        x: (B, ...) normal noise.
        steps: how many.
        generators: one for each sample, of the noise that ``ddpm`` adds; the others add none.
        sampler: ``ddim``, ``ddpm`` or ``dpm++``.
        threshold: as of `official_ddim`.

    Raises:
        InputError: if diffusers is not installed.
    """
    scheduler = make_scheduler(sampler, threshold=threshold)
    scheduler.set_timesteps(steps)
    drawing = {"generator": list(generators)} if sampler == "ddpm" and None not in generators else {}
    for t in scheduler.timesteps:
        found = denoise(x, torch.full((len(x),), int(t), device=x.device))
        x = scheduler.step(found, t, x, **drawing).prev_sample.to(x.dtype)
        yield x


def make_scheduler(sampler: str, *, threshold: bool) -> Any:
    """Return the scheduler of a sampler; arguments as of `scheduled`.

    Raises:
        InputError: if diffusers is not installed.
    """
    try:
        diffusers = import_module("diffusers")
    except ModuleNotFoundError as error:
        raise InputError(
            f'sampler {sampler} needs diffusers; run: pip install "{METHOD.name}[samplers]", or take official-ddim'
        ) from error
    shared: dict[str, Any] = {
        "trained_betas": cosine_schedule(torch.empty(0)).betas.numpy(),
        "thresholding": threshold,
        "dynamic_thresholding_ratio": QUANTILE,
        "sample_max_value": _NO_LIMIT,
        "timestep_spacing": "trailing",
    }
    if sampler == "dpm++":
        return diffusers.DPMSolverMultistepScheduler(**shared, lambda_min_clipped=_LEAST_LAMBDA)
    if sampler == "ddim":
        return diffusers.DDIMScheduler(**shared, clip_sample=False)
    return diffusers.DDPMScheduler(**shared, clip_sample=False, variance_type="fixed_small_log")
