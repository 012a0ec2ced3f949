"""One call of the pipeline: what is asked for, checked before anything runs, and how a batch of it is made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from visioncore.diffusion.latents import decode, factor_of, noise_of
from visioncore.diffusion.samplers import Sampler, check_sampling, make_scheduler
from visioncore.diffusion.sampling import Callback, check_guidance, sample
from visioncore.diffusion.schedule import guided
from visioncore.errors import InputError
from visioncore.images.sixteen_bit import Pixels
from visioncore.weights.digests import digest_of

from ..network.anchoring import Anchor
from ..network.handle import Handle
from ..network.layout import Layout
from ..network.model import Injector
from .blending import Blending, blend, white_of
from .canvas import Composite, Placed
from .foreground import Foreground
from .prompts import encode
from .words import named_tokens, without_names

ROUTES = ("spatial", "semantic")


@dataclass(frozen=True, eq=False)
class Request:
    """Settings of a call; see the arguments of `AnyScene.compose`.

    Raises:
        InputError: if one is outside its range.
    """

    composite: Composite
    prompt: str = ""
    negative: str = ""
    steps: int = 30
    guidance: float = 7.5
    sampler: Sampler = "dpm++"
    spatial: float = 1.0
    semantic: float = 1.0
    layout: bool = True
    tau: float = 0.8
    band: int = 1
    blending: Blending = field(default_factory=Blending)
    callback: Callback | None = None
    told: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        check_sampling(self.sampler, self.steps)
        check_guidance(guidance=self.guidance)
        if not 0 <= self.tau <= 1:
            raise InputError(f"tau is {self.tau:g}; it must be from 0, no anchoring, to 1, after every step")
        if self.band < 0:
            raise InputError(f"band is {self.band}; it must be at least 0 latent pixels")
        names = ("prompt", "negative", "sampler", "steps", "guidance", "spatial", "semantic", "layout", "tau", "band")
        height, width = self.composite.size
        levels = self.blending.levels_for((height, width))
        object.__setattr__(
            self,
            "told",
            {name: getattr(self, name) for name in names}
            | {"harmony": self.blending.harmony, "levels": levels, "keep_low": self.blending.keep_low}
            | {"size": [height, width], "elements": [_told(each) for each in self.composite.placed]},
        )


class Generation:
    """Makes batches of images of one request: what is the same in every step and image is found once.

    Args:
        base: pipeline of diffusers.
        injector: on it, with its handle; None for the base alone.
        handle: of the injector; None where it has no part in attention.
        request: what is asked for.
        notify: told what of a prompt is cut off, and of names that it does not have.

    Raises:
        InputError: if the prompt does not have the words that mean an element, or the injector's encoder is missing.
    """

    @torch.inference_mode()
    def __init__(
        self,
        base: Any,
        injector: Injector | None,
        handle: Handle | None,
        request: Request,
        notify: Callable[[str], None],
    ) -> None:
        self.base, self.injector, self.handle, self.request = base, injector, handle, request
        unet, vae, composite = base.unet, base.vae, request.composite
        elements = [each.element for each in composite.placed]
        named = named_tokens(base.tokenizer, request.prompt, elements, notify) if request.layout else None
        self.parts = (True,) if request.guidance == 1 else (False, True)
        told: dict[str, Any] = {"size": composite.size, "guided": len(self.parts) == 2, "notify": notify}
        self.prompts = encode(base, request.prompt, request.negative, **told)
        if named is not None and handle is not None:
            # all tokens behind a word know of it, so elsewhere the prompt is read without the words; what is cut off
            # of it was told already
            told["notify"] = lambda _: None
            elsewhere = encode(base, without_names(request.prompt, elements), request.negative, **told)
            whole = named.any(dim=1, keepdim=True).expand_as(named)
            named = torch.cat((whole, torch.zeros_like(named)), dim=1)
            self.prompts = self.prompts.beside(elsewhere)
        foreground = Foreground.of(composite, unet.device)
        if request.layout:
            self.layout = Layout(foreground.masks, None if named is None else named.to(unet.device), factor_of(vae))
        else:
            everywhere = torch.ones_like(foreground.masks)
            self.layout = Layout(everywhere, None, factor_of(vae))
        self.tokens = injector.tokens(foreground.crops) if injector is not None and handle is not None else None
        self.shown = None
        if injector is not None and request.spatial:
            self.shown = injector.embed(foreground.condition(injector.config.form))
        self.clean, self.inside = None, foreground.inside(vae, request.band)
        if request.tau and self.inside.any():
            self.clean = foreground.latents(vae).to(torch.promote_types(unet.dtype, torch.float32))

    @torch.inference_mode()
    def batch(self, seeds: Sequence[int]) -> Pixels:
        """Return the scenes (B, H, W, 3) of seeds, in the foreground's depth, before it is blended in.

        Raises:
            InputError: if numbers are not finite.
        """
        with self._acting():
            latents = self._latents(seeds)
        # one by one: at this size the auto-encoder takes more memory than the U-Net
        images = [decode(self.base.vae, each[None])[0].permute(1, 2, 0).cpu().numpy() for each in latents]
        dtype = self.request.composite.pixels.dtype
        whole = np.rint(np.stack(images) * white_of(self.request.composite.pixels))
        return whole.astype(np.uint8) if dtype == np.uint8 else whole.astype(np.uint16)

    def _acting(self) -> AbstractContextManager[object]:
        if self.handle is None or self.tokens is None:
            return nullcontext()
        return self.handle.acting(self.layout, self.tokens, scale=self.request.semantic, parts=self.parts)

    def _latents(self, seeds: Sequence[int]) -> Tensor:
        request, unet, vae = self.request, self.base.unet, self.base.vae
        factor, parts = factor_of(vae), len(self.parts)
        shape = (vae.config.latent_channels, *(side // factor for side in request.composite.size))
        noise = noise_of(seeds, shape, unet.device, unet.dtype)
        embeds, options = self.prompts.spread(len(seeds))
        scheduler = make_scheduler(request.sampler, self.base.scheduler)

        def predict(x: Tensor, t: Tensor, _: float) -> Tensor:
            x = x.to(embeds)
            both = torch.cat([x] * parts)
            residuals = self._residuals(x, both, t, embeds)
            predicted = unet(both, t, encoder_hidden_states=embeds, return_dict=False, **options, **residuals)[0]
            predicted = predicted.to(noise)
            if parts == 1:
                return predicted
            without, with_prompt = predicted.chunk(2)
            return guided(without, with_prompt, request.guidance)

        after = None
        if self.clean is not None:
            after = Anchor(self.clean, self.inside, noise, scheduler, request.tau)
        return sample(
            scheduler, noise, predict, seeds=seeds, steps=request.steps, after=after, callback=request.callback
        )

    def _residuals(self, x: Tensor, both: Tensor, t: Tensor, embeds: Tensor) -> Mapping[str, Any]:
        """Return the additions of the spatial route to the U-Net in a step."""
        if self.injector is None or self.shown is None:
            return {}
        scale = self.request.spatial
        if self.tokens is None:
            return self.injector.residuals(both, t, self.shown, embeds, scale=scale)
        return self.injector.residuals(x, t, self.shown, self.tokens, parts=len(self.parts), scale=scale)


def blended(composite: Composite, scenes: Pixels, settings: Blending) -> Pixels:
    """Return scenes (n, H, W, 3) with the foreground in them."""
    share = composite.share
    made = [
        blend(composite.pixels, scene, share, settings.harmony, settings.levels, settings.keep_low) for scene in scenes
    ]
    stacked: Any = np.stack(made)
    images: Pixels = stacked
    return images


def as_scales(scale: float | Mapping[str, float]) -> tuple[float, float]:
    """Return the scales of the spatial and of the semantic route.

    Args:
        scale: of both, or of each by its name; 1 for one that is not named.

    Raises:
        InputError: if a name is unknown or a scale is below 0.
    """
    given = dict(scale) if isinstance(scale, Mapping) else dict.fromkeys(ROUTES, scale)
    if unknown := set(given) - set(ROUTES):
        raise InputError(f"scale names {', '.join(sorted(unknown))}; routes are {' and '.join(ROUTES)}")
    spatial, semantic = (float(given.get(name, 1)) for name in ROUTES)
    for name, value in zip(ROUTES, (spatial, semantic), strict=True):
        if not 0 <= value < math.inf:
            raise InputError(f"the {name} scale is {value:g}; it must be at least 0")
    return spatial, semantic


def _told(placed: Placed) -> dict[str, Any]:
    """Return an element and its place as plain values, the pixels by their hash."""
    image = placed.element.image
    assert image.alpha is not None
    layers = torch.from_numpy(np.dstack([image.pixels, image.alpha]).astype(np.int32))
    told = {"image": digest_of(layers), "box": list(placed.box), "rotation": placed.rotation, "order": placed.order}
    named = {"name": placed.element.name, "words": list(placed.element.words)}
    return told | {name: value for name, value in named.items() if value}
