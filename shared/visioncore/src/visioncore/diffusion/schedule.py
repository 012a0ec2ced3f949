"""The arithmetic of Stable Diffusion: noise, guidance, steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from ..errors import InputError
from ..extras import require

STEPS = 1000
"""Of training."""
FIRST_BETA, LAST_BETA = 0.00085, 0.012
OPTIONS: Mapping[str, Any] = {
    "beta_start": FIRST_BETA,
    "beta_end": LAST_BETA,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
}
"""Of diffusers' schedulers, for the noise schedule of Stable Diffusion."""
Prediction = Literal["epsilon", "v_prediction"]
"""Kinds of prediction of a U-Net, noise or velocity, as diffusers calls them."""


def alpha_bars() -> Tensor:
    """Return the share of the image's variance that is left at each of the 1000 timesteps, (1000,) float64."""
    betas = torch.linspace(FIRST_BETA**0.5, LAST_BETA**0.5, STEPS, dtype=torch.float64).square()
    return (1 - betas).cumprod(dim=0)


def ddim_scheduler(prediction: Prediction) -> Any:
    """Return diffusers' scheduler of DDIM with the noise schedule of Stable Diffusion.

    Raises:
        InputError: if diffusers is not installed.
    """
    scheduler = require("diffusers", "diffusion").DDIMScheduler
    # the spacing is diffusers' default, but what nobody named is forgotten when another sampler takes these settings
    # over, unless they were saved to a file before
    spacing = "leading"
    return scheduler(
        **OPTIONS, clip_sample=False, set_alpha_to_one=False, timestep_spacing=spacing, prediction_type=prediction
    )


def bars_of(scheduler: Any) -> Tensor:
    """Return `alpha_bars` of a base's own schedule, (T,) float64.

    Raises:
        InputError: if its scheduler has none.
    """
    found = getattr(scheduler, "alphas_cumprod", None)
    if found is None:
        raise InputError(
            f"the base's scheduler, {type(scheduler).__name__}, has no alphas_cumprod; to train on, it must add noise "
            "as Stable Diffusion's do"
        )
    return torch.as_tensor(found, dtype=torch.float64)


def noisy(latents: Tensor, noise: Tensor, timesteps: Tensor, bars: Tensor) -> Tensor:
    """Return latents (B, ...) with noise (B, ...) at timesteps (B,), given `alpha_bars`."""
    bar = _as_factor(bars[timesteps.to(bars.device)], latents)
    return bar.sqrt() * latents + (1 - bar).sqrt() * noise


def velocity(latents: Tensor, noise: Tensor, timesteps: Tensor, bars: Tensor) -> Tensor:
    """Return the velocity (B, ...) of latents with noise, which some fine-tuned models predict instead."""
    bar = _as_factor(bars[timesteps.to(bars.device)], latents)
    return bar.sqrt() * noise - (1 - bar).sqrt() * latents


def prediction_of(scheduler: Any) -> Prediction:
    """Return the kind of prediction that a scheduler of diffusers takes.

    Raises:
        InputError: if it is neither noise nor velocity.
    """
    found: Any = scheduler.config.get("prediction_type", "epsilon")
    if found not in ("epsilon", "v_prediction"):
        raise InputError(f"the base predicts {found!r}; to train on, it must predict epsilon or v_prediction")
    kind: Prediction = found
    return kind


def min_snr_weights(timesteps: Tensor, bars: Tensor, most: float = 5.0, prediction: Prediction = "epsilon") -> Tensor:
    """Return weights (B,) of samples by which steps of little noise count less.

    They are min(SNR, most) / SNR for noise, and min(SNR, most) / (SNR + 1) for velocity, after Hang et al., 2023.
    """
    bar = bars[timesteps.to(bars.device)]
    snr = bar / (1 - bar)
    return snr.clamp(max=most) / (snr if prediction == "epsilon" else snr + 1)


def guided(uncond: Tensor, cond: Tensor, scale: float) -> Tensor:
    """Return the prediction with classifier-free guidance."""
    return uncond + scale * (cond - uncond)


def guided_two(uncond: Tensor, first: Tensor, both: Tensor, first_scale: float, second_scale: float) -> Tensor:
    """Return the prediction with a guidance of its own for a first condition, and for a second on top of it."""
    return uncond + first_scale * (first - uncond) + second_scale * (both - first)


def ddim_timesteps(steps: int) -> Tensor:
    """Return the timesteps (steps,) of DDIM, the noisiest first: evenly spaced, one beyond the lowest of each space.

    Raises:
        InputError: if they are fewer than 1 or more than 1000.
    """
    if not 1 <= steps <= STEPS:
        raise InputError(f"steps is {steps}; it must be from 1 to {STEPS}")
    return torch.arange(steps - 1, -1, -1) * (STEPS // steps) + 1


def ddim_previous(latents: Tensor, noise: Tensor, timesteps: Tensor, steps: int, bars: Tensor) -> Tensor:
    """Return latents (B, ...) one step of DDIM less noisy, given the predicted noise (B, ...) at timesteps (B,)."""
    before = timesteps - STEPS // steps
    bar = _as_factor(bars[timesteps.to(bars.device)], latents)
    bar_before = _as_factor(bars[before.clamp(min=0).to(bars.device)], latents)
    image = (latents - (1 - bar).sqrt() * noise) / bar.sqrt()
    return bar_before.sqrt() * image + (1 - bar_before).sqrt() * noise


def check_numbers(latents: Tensor, when: str) -> Tensor:
    """Validate that latents are numbers, and return them.

    Raises:
        InputError: if they are not, as after an overflow in half precision.
    """
    if not latents.isfinite().all():
        raise InputError(f"the latents hold values that are not numbers {when}; in half precision use float32 instead")
    return latents


def _as_factor(values: Tensor, like: Tensor) -> Tensor:
    """Return values (B,) as (B, 1, ...) for the dimensions, the precision and the device of another tensor."""
    return values.to(like).view(-1, *[1] * (like.ndim - 1))
