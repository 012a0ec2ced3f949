"""New scenes around a foreground: a base model of diffusers with the injector on it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from visioncore.devices import in_batches, resolve_device, resolve_dtype
from visioncore.diffusion.latents import factor_of, seeds_of
from visioncore.diffusion.low_memory import low_memory
from visioncore.diffusion.on_base import OnBase
from visioncore.diffusion.safety import run_checker
from visioncore.diffusion.samplers import Sampler
from visioncore.diffusion.sampling import Callback
from visioncore.errors import InputError
from visioncore.images import eight_bit
from visioncore.images.sixteen_bit import Pixels
from visioncore.weights.fingerprint import fingerprint

from ..method import METHOD
from ..network.handle import Handle, check_base
from ..network.model import Injector
from ..network.weights import load_model
from .bases import DEMO, open_base, put_on_device
from .blending import Blending
from .canvas import Canvas
from .elements import GivenElement
from .generation import Generation, Request, as_scales, blended
from .prompts import check_encoders
from .result import Result


class AnyScene(OnBase):
    """A base model that makes scenes by prompts, around a foreground where an injector is on it.

    Without an injector the foreground is held by its latents and by blending alone.

    Args:
        base: pipeline of diffusers for Stable Diffusion 1.x, 2.x or XL; its components are used as they are, the safety
            checker among them.
        injector: put on it, see `load`; None for none yet.
        clip: weights of CLIP's image tower, for an injector that sees elements by it.
        batch: images on the device at a time; fewer after memory ran out.
        low_memory: self-attention in slices and the auto-encoder in tiles, for large canvases.
        notify: told, in one line each, of prompts that are cut, names that they do not have, images that the safety
            checker makes black, and when the batch is halved; default: a warning.

    Raises:
        InputError: if the base has no text encoder or is of another kind than the injector is for, or the batch is
            below 1.

    Example:
        >>> scene = AnyScene.from_base("stable-diffusion-v1-5", "injector")  # doctest: +SKIP
        >>> canvas = Canvas(768, 512).place("mug.png", box=(250, 150, 500, 420), words=["mug"])  # doctest: +SKIP
        >>> scene.compose(canvas, "a mug on a wooden table").save("table.png")  # doctest: +SKIP
    """

    def __init__(
        self,
        base: Any,
        injector: Injector | str | Path | None = None,
        *,
        clip: str | Path | None = None,
        batch: int = 1,
        low_memory: bool = False,
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        super().__init__(base, batch, low_memory, notify)
        check_encoders(base)
        self.injector: Injector | None = None
        self._handle: Handle | None = None
        self._fingerprint: str | None = None
        if injector is not None:
            self.load(injector, clip)

    @classmethod
    def from_base(
        cls,
        base: str | Path,
        injector: Injector | str | Path | None = None,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "float32",
        **options: Any,
    ) -> Self:
        """Return a pipeline on a base model in files; nothing is fetched.

        Args:
            base: folder in the layout of diffusers, for 1.x also a single ``.safetensors`` or ``.ckpt`` file, or
                ``demo``.
            injector: as of the class.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
            dtype: of the base model: ``float32``, ``bfloat16``, ``float16``, ``auto``.
            options: further arguments of the class.

        Raises:
            InputError: if the base cannot be read, or as the class.
        """
        place = resolve_device(device)
        return cls(put_on_device(open_base(base, resolve_dtype(dtype, place)), place), injector, **options)

    @classmethod
    def from_pretrained(
        cls, injector: str | Path, base: str | Path = DEMO, device: str | torch.device = "auto", **options: Any
    ) -> Self:
        """Return a pipeline with a saved injector, as `from_base` with the two in another order.

        Args:
            injector: folder, file or hub id that `load_model` takes.
            base: as of `from_base`.
            device: as of `from_base`.
            options: further arguments of `from_base`.

        Raises:
            InputError: as `from_base`.
        """
        return cls.from_base(base, injector, device, **options)

    @classmethod
    def from_published(cls, path: str | Path) -> Self:
        """Report that a file is not ours, for the authors have published no weights.

        Raises:
            InputError: always, as `Injector.from_published`.
        """
        return cls(None, Injector.from_published(path))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the injector into a folder, for `from_pretrained`; the base is not written.

        Raises:
            InputError: if there is none, or it cannot be written.
        """
        if self.injector is None:
            raise InputError("there is no injector to save; load one first")
        self.injector.save_pretrained(folder)

    def load(self, injector: Injector | str | Path, clip: str | Path | None = None) -> None:
        """Put an injector on the base, in the place of one that is there.

        It is taken as a copy where it has another precision than the base, and else moved to the base's device.

        Args:
            injector: or the weights that `load_model` takes.
            clip: weights of CLIP's image tower, where it sees elements by that.

        Raises:
            InputError: if it cannot be read, or is for a base of another kind or shape.
        """
        model = load_model(injector) if isinstance(injector, str | Path) else injector
        check_base(self.base.unet, model.config)
        name = fingerprint(model)
        if self.dtype != torch.float32:
            model = deepcopy(model)
        self.unload()
        model.requires_grad_(False).eval().to(self.device, self.dtype)
        if clip is not None:
            model.use_clip(clip)
        self._handle = model.install(self.base.unet) if model.config.form == "anyscene" else None
        self.injector, self._fingerprint = model, name

    def unload(self) -> None:
        """Take the injector off; the base is as it was before."""
        if self._handle is not None:
            self._handle.uninstall()
        self._handle = self.injector = self._fingerprint = None

    def canvas(self, given: GivenElement | Canvas) -> Canvas:
        """Return a canvas: one that is given as it is, or one of the base's own size with an element in its middle.

        Raises:
            InputError: as `Canvas.place`.
        """
        if isinstance(given, Canvas):
            return given
        height, width = self.own_size
        return Canvas(width, height, self.notify).place(given)

    def compose(
        self,
        canvas: Canvas | GivenElement,
        prompt: str = "",
        negative: str = "",
        *,
        seeds: int | Sequence[int] = 0,
        steps: int = 30,
        guidance: float = 7.5,
        sampler: Sampler = "dpm++",
        scale: float | Mapping[str, float] = 1.0,
        layout: bool = True,
        tau: float = 0.8,
        band: int = 1,
        harmony: float = 0.5,
        levels: int | None = None,
        keep_low: int = 2,
        callback: Callback | None = None,
    ) -> Result:
        """Make scenes around what is on a canvas; the same settings give the same image, in any batch.

        Args:
            canvas: with its elements; or an element alone, for a canvas of the base's own size.
            prompt: of the whole image. It must have the words that mean the elements, if they have any.
            negative: prompt of what is not wanted.
            seeds: of the noise: one for each image.
            steps: of the sampler.
            guidance: how strongly the prompt is followed; 1 is without guidance, and nearly twice as fast.
            sampler: ``dpm++``, ``ddim``, ``euler``.
            scale: strength of the injector, 1 as trained, 0 for none; or {"spatial": of its maps, "semantic": of its
                tokens}.
            layout: whether words and tokens of an element are kept to its place.
            tau: share of the steps, from the first on, in which the inside of the foreground is held in its place; 0
                for none.
            band: how far inside its outline it is free all the same, in latent pixels, for light and contact shadows.
            harmony: 0 keeps the foreground's pixels bit for bit, 1 takes all of its light from the scene.
            levels: of the blending, see `Blending`.
            keep_low: of them, see `Blending`.
            callback: called after each step with its number, how many there are, and the latents.

        Raises:
            InputError: if something given is not what it should be, memory does not suffice for one image, or numbers
                are not finite.
        """
        wanted = seeds_of(seeds, None)
        whole = self.canvas(canvas)
        request = self._request(
            whole,
            prompt,
            negative,
            steps=steps,
            guidance=guidance,
            sampler=sampler,
            scale=scale,
            layout=layout,
            tau=tau,
            band=band,
            harmony=harmony,
            levels=levels,
            keep_low=keep_low,
            callback=callback,
        )
        generation = Generation(self.base, self.injector, self._handle, request, self.notify_once)
        with low_memory(self.base.unet, self.base.vae) if self.low_memory else nullcontext():
            batches, self.batch = in_batches(generation.batch, wanted, self.batch, self.notify)
        together: Any = np.concatenate(batches)
        scenes: Pixels = together
        made, flags = self._checked(blended(request.composite, scenes, request.blending), wanted)
        shared = {**request.told, **self.recorded()}
        settings = tuple(
            {"seed": seed, **shared, **({"flagged": True} if flagged else {})}
            for seed, flagged in zip(wanted, flags, strict=True)
        )
        sources = [each.element.source for each in request.composite.placed]
        source = sources[0] if len(sources) == 1 else None
        return Result(made, settings, source, foreground=request.composite, scenes=scenes)

    def check(self, prompt: str = "", negative: str = "", **options: Any) -> None:
        """Check arguments of `compose`, those of the canvas aside, before anything is made.

        Raises:
            InputError: as `compose`.
        """
        options.pop("callback", None)
        seeds_of(options.pop("seeds", 0), None)
        height, width = self.own_size
        dot = np.full((height, width, 4), 255, np.uint8)
        dot[0, 0, 3] = 0
        self._request(Canvas(width, height, self.notify).place(dot), prompt, negative, **options)

    def recorded(self) -> dict[str, Any]:
        """Return all that images depend on besides the arguments of a call: weights and precision."""
        return {
            "injector": self._fingerprint,
            "base": self.base_fingerprint,
            "dtype": str(self.dtype).removeprefix("torch."),
            "version": METHOD.version,
        }

    def _request(
        self,
        canvas: Canvas,
        prompt: str,
        negative: str,
        *,
        scale: float | Mapping[str, float] = 1.0,
        harmony: float = 0.5,
        levels: int | None = None,
        keep_low: int = 2,
        **settings: Any,
    ) -> Request:
        factor = factor_of(self.base.vae)
        if canvas.width % factor or canvas.height % factor:
            raise InputError(
                f"the canvas is {canvas.width} x {canvas.height}; for this base sides must be multiples of {factor}"
            )
        spatial, semantic = as_scales(scale)
        blending = Blending(harmony, levels, keep_low)
        given: dict[str, Any] = {"spatial": spatial, "semantic": semantic, "blending": blending, **settings}
        return Request(canvas.composite(), prompt, negative, **given)

    def _checked(self, images: Pixels, seeds: Sequence[int]) -> tuple[Pixels, list[bool]]:
        """Return images (n, H, W, 3) with those black that the base's safety checker flags, and which these are."""
        flags: list[bool] = run_checker(self.base, eight_bit(images))[1]
        kept: NDArray[Any] = images.copy()
        for image, seed, flagged in zip(kept, seeds, flags, strict=True):
            if flagged:
                image[...] = 0
                self.notify(f"the base model's safety checker made the image of seed {seed} black")
        return kept, flags
