"""Text-to-image in a style: a base model of diffusers with the adapter on it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from visioncore.devices import in_batches, resolve_device, resolve_dtype
from visioncore.diffusion.channels import INPAINTING_CHANNELS
from visioncore.diffusion.latents import factor_of, seeds_of
from visioncore.diffusion.low_memory import low_memory
from visioncore.diffusion.on_base import OnBase
from visioncore.diffusion.safety import run_checker
from visioncore.diffusion.samplers import Sampler, check_sampling
from visioncore.diffusion.sampling import Callback
from visioncore.errors import InputError
from visioncore.inference.image_inputs import GivenImage
from visioncore.weights.fingerprint import fingerprint

from ..method import METHOD
from ..network.acting import Acting
from ..network.config import Level
from ..network.handle import Handle, check_base
from ..network.model import ArtAdapter
from ..network.prompts import check_text
from ..network.weights import load_model
from .bases import open_base
from .canvas import make_canvas
from .denoising import Guidance
from .generation import Generation, Request, Wanted
from .prompts import PromptEncoder, StyledPrompts, prompts_of
from .result import Result
from .strengths import GivenStrengths, Strengths, as_strengths
from .styles import GivenStyle, ReadStyle, mix_styles, read_style


class ArtAdapterPipeline(OnBase):
    """A base model that follows prompts, and with an adapter the style of references.

    Args:
        base: pipeline of diffusers for Stable Diffusion 1.x; its components are used as they are, the safety checker
            among them.
        adapter: put on it, see `load`; None for none yet.
        batch: images on the device at a time; fewer after memory ran out.
        low_memory: self-attention in slices and the auto-encoder in tiles, for large images.
        notify: told, in one line each, of prompts that are cut, of images that the safety checker makes black, and when
            the batch is halved; default: a warning.

    Raises:
        InputError: if the base is of another kind than the adapter is for, or the batch is below 1.

    Example:
        >>> pipe = ArtAdapterPipeline.from_base("stable-diffusion-v1-5", "adapter")  # doctest: +SKIP
        >>> pipe("a house by the river", style="ink.png").save("house.png")  # doctest: +SKIP
    """

    def __init__(
        self,
        base: Any,
        adapter: ArtAdapter | str | Path | None = None,
        *,
        batch: int = 1,
        low_memory: bool = False,
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        super().__init__(base, batch, low_memory, notify)
        self.adapter: ArtAdapter | None = None
        self._handle: Handle | None = None
        if adapter is not None:
            self.load(adapter)

    @classmethod
    def from_base(
        cls,
        base: str | Path,
        adapter: ArtAdapter | str | Path | None = None,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "float32",
        **options: Any,
    ) -> Self:
        """Return a pipeline on a base model in files; nothing is fetched.

        Args:
            base: folder in the layout of diffusers, a single ``.safetensors`` or ``.ckpt`` file, or ``demo``.
            adapter: as of the class.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
            dtype: of the base model: ``float32``, ``bfloat16``, ``float16``, ``auto``.
            options: further arguments of the class.

        Raises:
            InputError: if the base cannot be read, or as the class.
        """
        place = resolve_device(device)
        return cls(open_base(base, resolve_dtype(dtype, place)).to(place), adapter, **options)

    def load(self, adapter: ArtAdapter | str | Path) -> None:
        """Put an adapter on the base, in the place of one that is there; the adapter is moved to the base's device.

        Args:
            adapter: or the weights that `load_model` takes.

        Raises:
            InputError: if it cannot be read, or is for a base of another kind or shape.
        """
        model = load_model(adapter) if isinstance(adapter, str | Path) else adapter
        # before the one that is there is taken off
        check_base(self.base.unet, model.config)
        self.unload()
        model.to(self.device)
        self._handle = model.install(self.base.unet)
        self.adapter = model

    def unload(self) -> None:
        """Take the adapter off; the base is as it was before."""
        if self._handle is not None:
            self._handle.uninstall()
        self._handle = self.adapter = None

    def style(
        self,
        given: GivenStyle | None,
        weights: Sequence[float] | None = None,
        mix: Mapping[str, GivenStyle] | None = None,
    ) -> ReadStyle | None:
        """Return a style as `__call__` reads it, to be used again without reading it; None if none is given.

        Raises:
            InputError: as `__call__`.
        """
        if given is None and not mix:
            if weights is not None:
                raise InputError("weights are for references of a style, and there are none")
            return None
        rest = None if given is None else read_style(self._loaded, given, weights)
        return mix_styles(self._loaded, rest, mix) if mix else rest

    def prompt_embeds(
        self,
        prompt: str | Sequence[str],
        style: GivenStyle | None = None,
        *,
        negative: str = "",
        weights: Sequence[float] | None = None,
        mix: Mapping[str, GivenStyle] | None = None,
    ) -> StyledPrompts:
        """Return encoded prompts for another pipeline of diffusers on the same U-Net, run inside `acting`.

        Args:
            prompt: one or several.
            style: as of `__call__`.
            negative: prompt of what is not wanted, for all of them.
            weights: as of `__call__`.
            mix: as of `__call__`.

        Raises:
            InputError: as `__call__`.
        """
        read = self.style(style, weights, mix)
        encoder = PromptEncoder(self.base, read.style if read else None, self.notify_once)
        embeds = torch.cat([encoder(text, styled=True) for text in prompts_of(prompt)])
        negatives = encoder(negative, styled=False).expand_as(embeds)
        # as normal tensors: pipelines of diffusers may compute on them outside of inference mode
        return StyledPrompts(embeds.clone(), negatives.clone(), encoder.style)

    @contextmanager
    def acting(
        self, prompts: StyledPrompts, scale: GivenStrengths = 1.0, *, guided: bool = True
    ) -> Iterator[Acting | None]:
        """Let the U-Net take the style from prompts inside this context, whichever pipeline runs it.

        For strengths that depend on the step, call ``step(progress)`` of what this yields between the steps.

        Args:
            prompts: of `prompt_embeds`.
            scale: strength of the style.
            guided: whether the pipeline runs negative prompts and prompts as one batch, as those of diffusers do when
                their ``guidance_scale`` is above 1.

        Raises:
            InputError: if a strength is outside its range, or no adapter is loaded.
        """
        strengths = as_strengths(scale)
        if prompts.style is None:
            yield None
            return
        parts = (False, True) if guided else (True,)
        with self._acting(parts, strengths, tuple(prompts.style.levels)) as acting:
            yield acting

    def __call__(
        self,
        prompt: str | Sequence[str] = "",
        style: GivenStyle | None = None,
        *,
        weights: Sequence[float] | None = None,
        mix: Mapping[str, GivenStyle] | None = None,
        scale: GivenStrengths = 1.0,
        negative: str = "",
        steps: int = 30,
        sampler: Sampler = "dpm++",
        guidance: float = 7.5,
        style_guidance: float | None = None,
        size: tuple[int, int] | None = None,
        seed: int | Sequence[int] = 0,
        images: int | None = None,
        image: GivenImage | None = None,
        mask: GivenImage | None = None,
        strength: float | None = None,
        callback: Callback | None = None,
    ) -> Result:
        """Make images of prompts in a style; the same settings give the same image, in any batch.

        Args:
            prompt: one or several.
            style: reference image, `Style` or style file, or several, whose mean is taken; None for none.
            weights: of several references.
            mix: {"low": brushwork and colour, "mid": shapes, "high": composition}: styles that these levels come from;
                the others come from ``style``, or are off without one.
            scale: strength of the style, 1 as trained and 0 for none: of all levels, {level: strength}, or `Strengths`.
            negative: prompt of what is not wanted; it has no style.
            steps: of the sampler.
            sampler: ``dpm++``, ``ddim``, ``euler``.
            guidance: how strongly prompt and style are followed; 1 is without guidance, and twice as fast.
            style_guidance: the same for the style alone, on top of the prompt; a step then takes half as long again.
            size: height and width in pixels; default: those of ``image``, or the base model's own.
            seed: of the noise, or one for each image of a prompt; image k of a prompt has ``seed + k``.
            images: of each prompt; default: 1, or as many as there are seeds.
            image: that is changed (img2img).
            mask: white where it is changed, black where it stays bit by bit (inpainting).
            strength: how far it is changed, above 0 and up to 1.
            callback: called after each step with its number, how many there are, and the latents.

        Raises:
            InputError: if something given is not what it should be, no adapter is loaded for a style, memory does not
                suffice for one image, or numbers are not finite.
        """
        request, wanted = self._asked(
            prompt,
            scale=scale,
            negative=negative,
            steps=steps,
            sampler=sampler,
            guidance=guidance,
            style_guidance=style_guidance,
            size=size,
            seed=seed,
            images=images,
            image=image,
            mask=mask,
            strength=strength,
            callback=callback,
        )
        read = self.style(style, weights, mix)
        request = replace(request, style=read)
        with low_memory(self.base.unet, self.base.vae) if self.low_memory else nullcontext():
            made, flags = run_checker(self.base, self._made(request, wanted))
        for each, flagged in zip(wanted, flags, strict=True):
            if flagged:
                self.notify(f"the base model's safety checker made the image of seed {each.seed} black")
        shared = {**request.told(), **self.recorded()}
        settings = tuple(
            {"prompt": each.prompt, "seed": each.seed, **shared, **({"flagged": True} if flagged else {})}
            for each, flagged in zip(wanted, flags, strict=True)
        )
        references = () if read is None else read.references
        return Result(made, settings, None if read is None else read.source, references)

    def check(self, prompt: str | Sequence[str] = "", **options: Any) -> None:
        """Check arguments of `__call__`, those of the style aside, before anything is made.

        Raises:
            InputError: as `__call__`.
        """
        self._asked(prompt, **options)

    def _asked(
        self,
        prompt: str | Sequence[str],
        *,
        scale: GivenStrengths = 1.0,
        negative: str = "",
        steps: int = 30,
        sampler: Sampler = "dpm++",
        guidance: float = 7.5,
        style_guidance: float | None = None,
        size: tuple[int, int] | None = None,
        seed: int | Sequence[int] = 0,
        images: int | None = None,
        image: GivenImage | None = None,
        mask: GivenImage | None = None,
        strength: float | None = None,
        callback: Callback | None = None,
    ) -> tuple[Request, list[Wanted]]:
        """Return a request without its style, and its images."""
        check_sampling(sampler, steps)
        prompts = prompts_of(prompt)
        for text in (*prompts, negative):
            check_text(text)
        wanted = [Wanted(text, number) for text in prompts for number in seeds_of(seed, images)]
        multiple = factor_of(self.base.vae)
        canvas = make_canvas(size, image, mask, strength, multiple=multiple, own=self.own_size)
        if canvas.mask is None and self.base.unet.config.in_channels == INPAINTING_CHANNELS:
            raise InputError("the base is an inpainting model; give it an image and a mask")
        both = Guidance(guidance, style_guidance)
        return Request(None, as_strengths(scale), both, canvas, negative, steps, sampler, callback), wanted

    def recorded(self) -> dict[str, Any]:
        """Return all that images depend on besides the arguments of a call: weights and precision."""
        return {
            "adapter": None if self.adapter is None else fingerprint(self.adapter),
            "base": self.base_fingerprint,
            "dtype": str(self.dtype).removeprefix("torch."),
            "version": METHOD.version,
        }

    def _made(self, request: Request, wanted: Sequence[Wanted]) -> NDArray[np.uint8]:
        """Return the images (n, H, W, 3), in batches that memory suffices for."""
        levels = tuple(request.style.style.levels) if request.style is not None and request.acts else ()
        generation = Generation(
            self.base, request, lambda styled: self._acting(styled, request.strengths, levels), self.notify_once
        )
        made, self.batch = in_batches(generation.batch, wanted, self.batch, self.notify)
        return np.concatenate(made)

    @contextmanager
    def _acting(self, styled: Sequence[bool], strengths: Strengths, levels: Sequence[Level]) -> Iterator[Acting]:
        if self._handle is None:
            yield Acting(styled, strengths, (), 0)
            return
        with self._handle.acting(styled, strengths, levels) as acting:
            yield acting

    @property
    def _loaded(self) -> ArtAdapter:
        if self.adapter is None:
            raise InputError("no adapter is loaded, so no style can be read; load() one")
        return self.adapter
