"""One call of the pipeline: what is asked for, checked before anything runs, and how a batch of it is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from visioncore.diffusion.channels import INPAINTING_CHANNELS
from visioncore.diffusion.latents import decode, encode, factor_of, noise_of
from visioncore.diffusion.samplers import Sampler, make_scheduler
from visioncore.diffusion.sampling import Callback

from ..network.acting import Acting
from .canvas import Canvas
from .denoising import Guidance, Kept, denoise
from .prompts import PromptEncoder
from .strengths import Strengths
from .styles import ReadStyle


class Wanted(NamedTuple):
    """One image that is asked for."""

    prompt: str
    seed: int


@dataclass(frozen=True, eq=False)
class Request:
    """Settings that all images of a call have in common; see the arguments of `ArtAdapterPipeline.__call__`."""

    style: ReadStyle | None
    strengths: Strengths
    guidance: Guidance
    canvas: Canvas
    negative: str
    steps: int
    sampler: Sampler
    callback: Callback | None = None

    @property
    def acts(self) -> bool:
        """Whether there is a style that acts; without one, prompts are plain and the base computes on its own."""
        return self.style is not None and bool(self.style.style.levels) and not self.strengths.off

    def told(self) -> dict[str, Any]:
        """Return it as plain values, for the settings of an image."""
        return {
            "negative": self.negative,
            "style": self.style.told if self.style is not None and self.acts else None,
            "strengths": self.strengths.told(),
            "sampler": self.sampler,
            "steps": self.steps,
            "guidance": self.guidance.text,
            "style_guidance": self.guidance.style,
            "size": list(self.canvas.size),
            **self.canvas.told(),
        }


class Generation:
    """Makes batches of images of one request.

    Args:
        base: pipeline of diffusers.
        request: what is asked for.
        acting: (styled parts of a batch) -> the context in which the style acts.
        notify: told what of a prompt is cut off.
    """

    def __init__(
        self,
        base: Any,
        request: Request,
        acting: Callable[[Sequence[bool]], AbstractContextManager[Acting]],
        notify: Callable[[str], None],
    ) -> None:
        self.base, self.request, self.acting = base, request, acting
        self.encoder = PromptEncoder(base, request.style.style if request.style and request.acts else None, notify)
        self.parts = request.guidance.parts(any_style=request.acts)
        self.kept = self._kept()

    @torch.inference_mode()
    def batch(self, wanted: Sequence[Wanted]) -> NDArray[np.uint8]:
        """Return images (B, H, W, 3).

        Raises:
            InputError: if numbers are not finite.
        """
        with self.acting([part == "styled" for part in self.parts]) as acting:
            latents = self._latents(wanted, acting.step)
        # one by one: at this size the auto-encoder takes more memory than the U-Net
        return self.request.canvas.finished(torch.cat([decode(self.base.vae, each[None]) for each in latents]))

    def _latents(self, wanted: Sequence[Wanted], progress: Callable[[float], object]) -> Tensor:
        request, unet = self.request, self.base.unet
        factor = factor_of(self.base.vae)
        shape = (self.base.vae.config.latent_channels, *(side // factor for side in request.canvas.padded))
        seeds = [each.seed for each in wanted]
        return denoise(
            unet,
            make_scheduler(request.sampler, self.base.scheduler),
            noise_of(seeds, shape, unet.device, unet.dtype),
            torch.cat([self._encoded(each.prompt, part) for part in self.parts for each in wanted]),
            request.guidance,
            progress=progress,
            seeds=seeds,
            steps=request.steps,
            strength=request.canvas.strength,
            kept=self.kept,
            callback=request.callback,
        )

    def _encoded(self, prompt: str, part: str) -> Tensor:
        if part == "negative":
            return self.encoder(self.request.negative, styled=False)
        return self.encoder(prompt, styled=part == "styled")

    @torch.inference_mode()
    def _kept(self) -> Kept | None:
        """Return the image that is changed as latents, if there is one."""
        canvas, unet, vae = self.request.canvas, self.base.unet, self.base.vae
        if canvas.pixels is None:
            return None
        dtype = torch.promote_types(unet.dtype, torch.float32)
        clean = encode(vae, canvas.pixels.to(unet.device)).to(dtype)
        if canvas.mask is None:
            return Kept(clean)
        whole = canvas.mask.to(unet.device)
        mask = functional.interpolate(whole, clean.shape[2:], mode="nearest").to(dtype)
        if unet.config.in_channels != INPAINTING_CHANNELS:
            return Kept(clean, mask)
        # grey in the middle of the range of values, as these models were trained
        grey = torch.where(whole > 0.5, 0.5, canvas.pixels.to(whole))
        return Kept(clean, mask, torch.cat((mask, encode(vae, grey).to(dtype)), dim=1))
