"""Baselines by diffusers' own pipelines, from the same base, noise, sampler and guidance as the method."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from visioncore.diffusion.base import load_base, without_bars
from visioncore.diffusion.channels import INPAINTING_CHANNELS
from visioncore.diffusion.latents import factor_of, noise_of
from visioncore.diffusion.remarks import pipeline_class
from visioncore.diffusion.samplers import make_scheduler
from visioncore.errors import InputError, damage
from visioncore.extras import require
from visioncore.weights.fingerprint import fingerprint

from ..inference.canvas import Canvas
from ..network.conditions import edges
from ..network.model import Injector
from ..network.weights import load_model
from .areas import Pixels
from .cutouts import foreground_of, pasted
from .plan import Sampling


@dataclass(frozen=True)
class Asked:
    """One image that is asked for.

    Attributes:
        canvas: with the foreground.
        prompt: names the foreground, and the scene.
        scene: the prompt without the foreground's name.
    """

    canvas: Canvas
    prompt: str
    scene: str


class Maker(Protocol):
    """A maker of images of a canvas and a prompt."""

    @property
    def name(self) -> str:
        """Its name among makers, which is a folder's too."""

    def __call__(self, asked: Asked, seeds: Sequence[int], sampling: Sampling) -> Sequence[Pixels]:
        """Return an image (H, W, 3) of each seed."""

    def recorded(self) -> dict[str, Any]:
        """Return all that the images depend on beside the plan, as JSON has it."""


class Pasting:
    """The cut-out over the scene that the base makes of the prompt without the cut-out's name.

    Args:
        base: pipeline of diffusers.
        batch: images on the device at a time.
    """

    name = "paste"

    def __init__(self, base: Any, batch: int = 1) -> None:
        self._base, self._batch = base, batch

    def __call__(self, asked: Asked, seeds: Sequence[int], sampling: Sampling) -> list[Pixels]:
        scenes = run(self._base, asked.scene, seeds, sampling, self._batch, lambda _: {})
        foreground = foreground_of(asked.canvas)
        return [pasted(foreground, scene) for scene in scenes]

    def recorded(self) -> dict[str, Any]:
        return {"base": fingerprint(self._base.unet)}


class Inpainting:
    """The scene painted around the cut-out: everything but its mask is inpainted, and nothing pasted afterwards.

    Args:
        base: pipeline of diffusers, whose U-Net takes 4 channels: latents inside the mask are put back after each step.
        model: folder of a model for inpainting, whose U-Net takes 9; empty for the base.
        batch: images on the device at a time.

    Raises:
        InputError: if the folder holds something else.
    """

    name = "inpainting"

    def __init__(self, base: Any, model: str | Path = "", batch: int = 1) -> None:
        if model:
            loaded = load_base(model, base.unet.dtype, channels=(INPAINTING_CHANNELS,))
            base = loaded.to(base.device)
        self._pipe = _from(base, "AutoPipelineForInpainting")
        self._batch = batch

    def __call__(self, asked: Asked, seeds: Sequence[int], sampling: Sampling) -> list[Pixels]:
        foreground = foreground_of(asked.canvas)
        # what is behind a soft edge has no colour yet; mid-grey is the least wrong
        image = pasted(foreground, np.full_like(foreground[..., :3], 128))
        shown = torch.from_numpy(image).movedim(-1, 0)[None].float() / 255
        painted = torch.from_numpy(foreground[..., 3] < 128)[None, None].float()

        def more(part: Sequence[int]) -> dict[str, Any]:
            # the auto-encoder draws when it encodes
            drawn = [torch.Generator().manual_seed(seed) for seed in part]
            return {"image": shown, "mask_image": painted, "strength": 1.0, "generator": drawn}

        return run(self._pipe, asked.prompt, seeds, sampling, self._batch, more)

    def recorded(self) -> dict[str, Any]:
        return {"model": fingerprint(self._pipe.unet)}


class EdgePasting:
    """An image by a ControlNet that is given the cut-out's edges, and the cut-out pasted over it.

    Args:
        base: pipeline of diffusers.
        control: weights of this package of the form ``canny``, a folder of diffusers' ``ControlNetModel`` for Canny's
            edges, or such a model.
        batch: images on the device at a time.

    Raises:
        InputError: if it cannot be read, or is no edge control.
    """

    name = "canny"

    def __init__(self, base: Any, control: str | Path | nn.Module, batch: int = 1) -> None:
        self._control: Any = control if isinstance(control, nn.Module) else load_control(control)
        self._control.to(base.device, base.unet.dtype)
        self._pipe = _from(base, "AutoPipelineForText2Image", controlnet=self._control)
        self._batch = batch

    def __call__(self, asked: Asked, seeds: Sequence[int], sampling: Sampling) -> list[Pixels]:
        foreground = foreground_of(asked.canvas)
        composite = torch.from_numpy(foreground).movedim(-1, 0)[None].float() / 255
        lines = self._lines(composite)

        def more(part: Sequence[int]) -> dict[str, Any]:
            return {"image": lines.expand(len(part), -1, -1, -1)}

        made = run(self._pipe, asked.prompt, seeds, sampling, self._batch, more)
        return [pasted(foreground, image) for image in made]

    def recorded(self) -> dict[str, Any]:
        return {"base": fingerprint(self._pipe.unet), "control": fingerprint(self._control)}

    def _lines(self, composite: Tensor) -> Tensor:
        """Return the edges of a composite (1, 4, H, W), as many channels as the ControlNet takes."""
        return edges(composite).expand(-1, self._control.config.conditioning_channels, -1, -1)


def load_control(source: str | Path) -> Any:
    """Return a ControlNet for edges: a folder in diffusers' layout, or of this package of the form ``canny``.

    Raises:
        InputError: if it cannot be read, or is something else.
    """
    diffusers = require("diffusers", "diffusion")
    if (Path(source) / "diffusion_pytorch_model.safetensors").is_file():
        with damage(Path(source), "the ControlNet is incomplete or damaged", "; fetch or copy it again"):
            return diffusers.ControlNetModel.from_pretrained(source, local_files_only=True).eval()
    model: Injector = load_model(source)
    if model.config.form != "canny":
        raise InputError(f"{source}: weights of the form {model.config.form}; for edge control they must be of canny")
    return model.control


def run(
    pipe: Any,
    prompt: str,
    seeds: Sequence[int],
    sampling: Sampling,
    batch: int,
    more: Callable[[Sequence[int]], dict[str, Any]],
) -> list[Pixels]:
    """Return the images of a prompt by a pipeline of diffusers: (H, W, 3) of each seed.

    Args:
        pipe: its scheduler is replaced meanwhile.
        prompt: with the negative one of ``sampling``.
        seeds: of the noise, as the method's own pipeline draws it.
        sampling: steps, sampler, guidance, size.
        batch: images on the device at a time.
        more: seeds of a batch -> further arguments of the pipeline.
    """
    height, width = sampling.size
    factor = factor_of(pipe.vae)
    shape = (pipe.vae.config.latent_channels, height // factor, width // factor)
    own = pipe.scheduler
    made: list[Pixels] = []
    pipe.set_progress_bar_config(disable=True)
    try:
        for start in range(0, len(seeds), batch):
            part = seeds[start : start + batch]
            pipe.scheduler = make_scheduler(sampling.sampler, own)
            # diffusers makes arrays of tensors in a way that NumPy 2 remarks on
            with torch.inference_mode(), warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                found = pipe(
                    prompt=[prompt] * len(part),
                    negative_prompt=[sampling.negative] * len(part),
                    num_inference_steps=sampling.steps,
                    guidance_scale=sampling.guidance,
                    height=height,
                    width=width,
                    latents=noise_of(part, shape, pipe.device, pipe.unet.dtype).to(pipe.unet.dtype),
                    output_type="np",
                    **more(part),
                ).images
            made += list((found * 255).round().clip(0, 255).astype(np.uint8))
    finally:
        pipe.scheduler = own
    return made


def _from(base: Any, name: str, **more: Any) -> Any:
    """Return another pipeline of diffusers on the parts of a base, which is not changed."""
    pipeline = pipeline_class(name)
    with without_bars():
        return pipeline.from_pipe(base, **more)
