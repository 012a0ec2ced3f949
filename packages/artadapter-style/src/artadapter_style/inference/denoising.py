"""From noise to latents: the loop over the sampler's steps, with guidance."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from visioncore.errors import InputError

from ..network.diffusion import guided, guided_two

Callback = Callable[[int, int, Tensor], object]
"""Called after each step with its number from 1, how many there are, and the latents (B, 4, h, w)."""


@dataclass(frozen=True)
class Guidance:
    """How strongly prompt and style are followed.

    Attributes:
        text: 1 takes the prompt as it is, above 1 further away from the negative prompt.
        style: the same for the style on top of the prompt; None for one guidance of both together.

    Raises:
        InputError: if a number is outside of 0 to 100.
    """

    text: float = 7.5
    style: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("guidance", self.text), ("style_guidance", self.style)):
            if value is not None and not 0 <= value <= 100:
                raise InputError(f"{name} is {value:g}; it must be from 0 to 100")

    def parts(self, *, any_style: bool) -> tuple[str, ...]:
        """Return the parts of a batch: negative prompts, prompts alone, prompts with style.

        Args:
            any_style: whether there is one.
        """
        last = "styled" if any_style else "text"
        if self.style is not None and any_style:
            return ("negative", "text", "styled")
        return (last,) if self.text == 1 else ("negative", last)

    def joined(self, predicted: Sequence[Tensor]) -> Tensor:
        """Return one prediction of those of the parts."""
        if len(predicted) == 3:
            assert self.style is not None
            uncond, text, both = predicted
            return guided_two(uncond, text, both, self.text, self.style)
        if len(predicted) == 2:
            uncond, cond = predicted
            return guided(uncond, cond, self.text)
        return predicted[0]


@dataclass(frozen=True, eq=False)
class Kept:
    """Parts that stay where a mask is black, and what an inpainting model is shown of it.

    Attributes:
        clean: latents (1, 4, h, w) of the image.
        mask: (1, 1, h, w), 1 where it is changed; None to change all of it.
        shown: (1, 5, h, w), mask and latents of what stays, for a U-Net of nine channels; None for one of four.
    """

    clean: Tensor
    mask: Tensor | None = None
    shown: Tensor | None = None


@torch.inference_mode()
def denoise(
    unet: Any,
    scheduler: Any,
    noise: Tensor,
    prompts: Tensor,
    guidance: Guidance,
    *,
    progress: Callable[[float], object],
    seeds: Sequence[int],
    steps: int,
    strength: float = 1.0,
    kept: Kept | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """Return latents (B, 4, h, w).

    Args:
        unet: with the adapter on it.
        scheduler: a new one.
        noise: (B, 4, h, w), normal, at least in float32, in which the latents stay.
        prompts: (parts * B, 77, D), in the order of `Guidance.parts`.
        guidance: how the parts become one prediction.
        progress: told before each step how far the denoising is, from 0, noise, to 1.
        seeds: of the images, for messages.
        steps: of the sampler, for the whole way from noise.
        strength: share of the way that is gone, from its end.
        kept: the image that is changed.
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
    if kept is None or strength == 1:
        latents = noise * scheduler.init_noise_sigma
    else:
        latents = scheduler.add_noise(kept.clean, noise, timesteps[:1])
    parts = len(prompts) // len(noise)
    for number, t in enumerate(timesteps, start=1):
        progress((begin + number - 1) / steps)
        x = scheduler.scale_model_input(torch.cat([latents] * parts), t)
        if kept is not None and kept.shown is not None:
            x = torch.cat((x, kept.shown.expand(len(x), -1, -1, -1)), dim=1)
        predicted = unet(x.to(prompts), t, encoder_hidden_states=prompts, return_dict=False)[0].to(latents)
        latents = scheduler.step(guidance.joined(predicted.chunk(parts)), t, latents, return_dict=False)[0]
        if kept is not None and kept.mask is not None and kept.shown is None:
            there = kept.clean
            if number < len(timesteps):
                there = scheduler.add_noise(kept.clean, noise, timesteps[number : number + 1])
            latents = there * (1 - kept.mask) + latents * kept.mask
        _check(latents, seeds, begin + number, steps)
        if callback is not None:
            callback(number, len(timesteps), latents)
    return latents


def _check(latents: Tensor, seeds: Sequence[int], step: int, steps: int) -> None:
    finite = latents.isfinite().flatten(1).all(dim=1).tolist()
    bad = [seed for seed, good in zip(seeds, finite, strict=True) if not good]
    if bad:
        raise InputError(
            f"the latents of seed {', '.join(map(str, bad))} are not finite after step {step} of {steps}; use a higher "
            "precision (float32), a lower guidance, or weights that are finite"
        )
