"""Anchoring: inside the mask, latents are put back on the foreground's own way, so its shape cannot drift."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from visioncore.errors import InputError


def inner_mask(alpha: Tensor, factor: int, band: int = 1) -> Tensor:
    """Return the places of the latents that are anchored, (B, 1, h, w) truth values.

    They are those that the foreground covers whole, without a band inside its boundary where light and contact shadows
    can form. The edge of the image is no boundary.

    Args:
        alpha: (B, 1, H, W) of the composite, in [0, 1].
        factor: pixels on one side of a place.
        band: its width in places.

    Raises:
        InputError: if the band is below 0.
    """
    if band < 0:
        raise InputError(f"band is {band}; it must be at least 0")
    open_ = functional.max_pool2d(1 - alpha.float(), factor)
    # half a level of 8 bits is as good as whole
    outside = (open_ > 0.5 / 255).float()
    return functional.max_pool2d(outside, 2 * band + 1, stride=1, padding=band) == 0


class Anchor:
    """A foreground's latents, put in their place after each step.

    Args:
        clean: latents (1 or B, 4, h, w) of the foreground, its colours extended beyond its edge.
        inside: (1 or B, 1, h, w) of `inner_mask`.
        noise: (B, 4, h, w) that the run begins with; the same in every step.
        scheduler: of diffusers, that the run takes its steps by.
        tau: share of the steps, from the first on, after which latents are put back.

    Raises:
        InputError: if tau is outside of 0 to 1.
    """

    def __init__(self, clean: Tensor, inside: Tensor, noise: Tensor, scheduler: Any, tau: float = 0.8) -> None:
        if not 0 <= tau <= 1:
            raise InputError(f"tau is {tau}; it must be from 0, never, to 1, after every step")
        self.clean, self.inside, self.noise, self.scheduler, self.tau = clean, inside, noise, scheduler, tau

    def __call__(self, latents: Tensor, step: int, timesteps: Tensor) -> Tensor:
        """Return latents (B, 4, h, w) after a step, which are at the noise of the next one.

        Args:
            latents: (B, 4, h, w) that the scheduler's step gave.
            step: its number, from 0.
            timesteps: of all steps.
        """
        if not step / len(timesteps) < self.tau:
            return latents
        there = self.clean
        if step + 1 < len(timesteps):
            there = self.scheduler.add_noise(self.clean, self.noise, timesteps[step + 1 : step + 2])
        return torch.where(self.inside, there.to(latents), latents)
