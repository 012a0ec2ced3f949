"""From noise to latents: the loop over the sampler's steps, with guidance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from visioncore.diffusion.sampling import Callback, check_guidance, sample
from visioncore.diffusion.schedule import guided, guided_two


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
        check_guidance(guidance=self.text, style_guidance=self.style)

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
    parts = len(prompts) // len(noise)

    def predict(x: Tensor, t: Tensor, done: float) -> Tensor:
        progress(done)
        x = torch.cat([x] * parts)
        if kept is not None and kept.shown is not None:
            x = torch.cat((x, kept.shown.expand(len(x), -1, -1, -1)), dim=1)
        predicted = unet(x.to(prompts), t, encoder_hidden_states=prompts, return_dict=False)[0].to(noise)
        return guidance.joined(predicted.chunk(parts))

    def keep(latents: Tensor, step: int, timesteps: Tensor) -> Tensor:
        assert kept is not None
        assert kept.mask is not None
        there = kept.clean
        if step + 1 < len(timesteps):
            there = scheduler.add_noise(kept.clean, noise, timesteps[step + 1 : step + 2])
        return there * (1 - kept.mask) + latents * kept.mask

    keeps = kept is not None and kept.mask is not None and kept.shown is None
    return sample(
        scheduler,
        noise,
        predict,
        seeds=seeds,
        steps=steps,
        strength=strength,
        clean=None if kept is None else kept.clean,
        after=keep if keeps else None,
        callback=callback,
    )
