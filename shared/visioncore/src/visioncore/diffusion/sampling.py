"""From noise to latents: the loop over a sampler's steps."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError

Callback = Callable[[int, int, Tensor], object]
"""Called after each step with its number from 1, how many there are, and the latents (B, 4, h, w)."""
Predict = Callable[[Tensor, Tensor, float], Tensor]
"""(latents as the network gets them, timestep, how far denoising is from 0 to 1) -> the prediction, guided."""
After = Callable[[Tensor, int, Tensor], Tensor]
"""(latents after a step, its number from 0, timesteps of all steps) -> the latents that go on."""


def check_guidance(**scales: float | None) -> None:
    """Check scales of guidance, by their names.

    Raises:
        InputError: if one is outside of 0 to 100.
    """
    for name, value in scales.items():
        if value is not None and not 0 <= value <= 100:
            raise InputError(f"{name} is {value:g}; it must be from 0 to 100")


@torch.inference_mode()
def sample(
    scheduler: Any,
    noise: Tensor,
    predict: Predict,
    *,
    seeds: Sequence[int],
    steps: int,
    strength: float = 1.0,
    clean: Tensor | None = None,
    after: After | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """Return latents (B, 4, h, w).

    Args:
        scheduler: a new one, of diffusers.
        noise: (B, 4, h, w), normal, at least in float32, in which the latents stay.
        predict: the network with its guidance.
        seeds: of the images, for messages.
        steps: of the sampler, for the whole way from noise.
        strength: share of the way that is gone, from its end.
        clean: latents (1, 4, h, w) that it begins with, and noise; they matter where the strength is below 1.
        after: changes the latents after each step.
        callback: called after each step.

    Raises:
        InputError: if latents are not finite, naming seed and step.
    """
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        # diffusers makes arrays of tensors in a way that NumPy 2 remarks on
        scheduler.set_timesteps(steps, device=noise.device)
    begin = steps - max(1, round(steps * strength))
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    timesteps = scheduler.timesteps[begin:]
    if clean is None or strength == 1:
        latents = noise * scheduler.init_noise_sigma
    else:
        latents = scheduler.add_noise(clean, noise, timesteps[:1])
    for number, t in enumerate(timesteps):
        predicted = predict(scheduler.scale_model_input(latents, t), t, (begin + number) / steps)
        latents = scheduler.step(predicted.to(latents), t, latents, return_dict=False)[0]
        if after is not None:
            latents = after(latents, number, timesteps)
        _check(latents, seeds, begin + number + 1, steps)
        if callback is not None:
            callback(number + 1, len(timesteps), latents)
    return latents


def _check(latents: Tensor, seeds: Sequence[int], step: int, steps: int) -> None:
    finite = latents.isfinite().flatten(1).all(dim=1).tolist()
    bad = [seed for seed, good in zip(seeds, finite, strict=True) if not good]
    if bad:
        raise InputError(
            f"the latents of seed {', '.join(map(str, bad))} are not finite after step {step} of {steps}; use a higher "
            "precision (float32), a lower guidance, or weights that are finite"
        )
