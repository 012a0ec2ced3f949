"""Features of frames refined by the frame denoiser, one frame after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from visioncore.devices import autocast
from visioncore.errors import InputError

from ..network.animation import Source
from ..network.diffusion import STEPS, Noise, official_ddim
from ..network.flow import Motion
from ..network.renderer import Renderer
from ..network.unet import FrameUNet
from .sampling import last_of, limited

Previous = Literal["warped", "refined"]
PREVIOUS: tuple[str, ...] = get_args(Previous)


def check_refinement(steps: int, previous: str, *, there: bool) -> None:
    """Validate the options of a refinement.

    Args:
        steps: of it, 0 for none.
        previous: one of `PREVIOUS`.
        there: whether there is a frame denoiser.

    Raises:
        InputError: if one is not what it should be.
    """
    if not 0 <= steps < STEPS:
        raise InputError(f"refine is {steps}; it must be from 0 to {STEPS - 1} steps")
    if steps and not there:
        raise InputError(f"refine is {steps}, and these weights have no frame denoiser; it must be 0")
    if previous not in PREVIOUS:
        raise InputError(f"previous is {previous!r}; it must be one of {', '.join(PREVIOUS)}")


class Refinement:
    """Refines the moved features of frames in their order.

    Args:
        refiner: the frame denoiser.
        renderer: moves the features.
        noise: source of the noise of one frame, (1, C, h, w) each time, of any shape that is asked for.
        steps: of the authors' sampler, for each frame.
        previous: the features of the frame before that a frame is shown: moved alone, as the authors' sampler does, or
            refined, as in training.
        threshold: whether samples are clipped as the authors do; otherwise they stay in the range of the photo's.
        dtype: precision of the denoiser.
    """

    def __init__(
        self,
        refiner: FrameUNet,
        renderer: Renderer,
        noise: Callable[[tuple[int, ...], Tensor], Noise],
        *,
        steps: int = 25,
        previous: Previous = "warped",
        threshold: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.refiner, self.renderer, self.noise = refiner, renderer, noise
        self.steps, self.previous, self.threshold, self.dtype = steps, previous, threshold, dtype
        self.before: Tensor | None = None
        self.index = 0

    @torch.inference_mode()
    def __call__(self, source: Source, motion: Motion) -> Tensor:
        """Return the refined features (n, C, h, w) of the next n frames.

        Raises:
            InputError: if they are not finite.
        """
        feature = source.features[-1]
        return torch.cat([self._next(feature, motion, place) for place in range(len(motion.flow))])

    def _next(self, feature: Tensor, motion: Motion, place: int) -> Tensor:
        here = slice(place, place + 1)
        one = Motion(motion.flow[here], None if motion.occlusion is None else motion.occlusion[here])
        moved = self.renderer.moved(feature, one)
        before = feature if self.before is None else self.before
        with autocast(feature.device, self.dtype):
            condition = self.refiner.prepared(before.flatten(2).mT)
        index = torch.tensor([self.index], device=feature.device)

        def denoise(x: Tensor, t: Tensor) -> Tensor:
            with autocast(feature.device, self.dtype):
                found: Tensor = self.refiner(x, t, condition, moved, index)
            return found.to(x.dtype)

        noise = self.noise(tuple(feature.shape[1:]), feature)
        kept = denoise if self.threshold else limited(denoise, feature.abs().max())
        made = official_ddim(kept, noise(), self.steps, noise, threshold=self.threshold)
        refined = last_of(made, self.steps)
        self.before = moved if self.previous == "warped" else refined
        self.index += 1
        return refined
