"""The injector as a whole: elements -> tokens -> the base's cross-attention; composite -> residuals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from visioncore.diffusion.latents import factor_of
from visioncore.diffusion.layers import cross_attention
from visioncore.errors import InputError
from visioncore.weights.pretrained import Pretrained
from visioncore.weights.state_dicts import read_content

from . import control as spatial
from .attention import ForegroundProjections
from .config import InjectorConfig, fitting
from .encoder import PATCH_FEATURES, ClipPatches, PatchEncoder, PixelPatches
from .handle import Handle, check_base, put_on
from .resampler import Resampler

PROJECTIONS = "processor"
"""Name under which the projections of a layer lie below the path of that layer."""


class Injector(Pretrained):
    """Spatial route, resampler, and projections of the foreground for each cross-attention layer.

    Example:
        >>> injector = Injector(InjectorConfig(encoder="patches", features=80))
        >>> injector.tokens(torch.rand(2, 4, 100, 60)).shape
        torch.Size([2, 16, 768])
    """

    config_class = InjectorConfig

    def __init__(self, config: InjectorConfig | None = None) -> None:
        super().__init__()
        self.config = config or InjectorConfig()
        self.control = spatial.make_control(self.config)
        if self.config.form == "anyscene":
            self.resampler = Resampler(self.config)
        for path, queries in self.config.attention:
            _nest(self, f"{path}.{PROJECTIONS}", ForegroundProjections(self.config.context, queries))
        self._encoder: PatchEncoder | None = PixelPatches() if self.config.encoder == "patches" else None

    @classmethod
    def from_published(cls, path: str | Path) -> Self:
        """Report that a file is not ours, for the authors have published no weights.

        Raises:
            InputError: always; that it cannot be read, or what it would take.
        """
        read_content(path)
        raise InputError(
            f"{path}: not an AnyScene checkpoint; the authors published none, so only folders and files written here "
            "can be loaded (train)"
        )

    @classmethod
    def for_base(cls, base: Any, *, clip: str | Path | None = None, **settings: Any) -> Self:
        """Return an injector as training starts with it, which changes nothing of what the base makes.

        Args:
            base: pipeline of diffusers.
            clip: weights of CLIP's image tower, where ``encoder`` is clip.
            settings: further fields of `InjectorConfig`, such as ``encoder`` and ``form``.

        Raises:
            InputError: if CLIP's weights are missing or of no use, or the base's do not fit.
        """
        found = fitting(base.unet, factor_of(base.vae)) | settings
        if found.get("form") == "canny":
            found["attention"] = ()
        encoder = None
        if found.get("encoder", "clip") == "patches":
            found.setdefault("features", PATCH_FEATURES)
        elif clip is not None:
            encoder = ClipPatches(clip)
            found["features"] = encoder.features
        elif found.get("form") != "canny":
            raise InputError("clip is missing: weights of CLIP's image tower (ViT-L/14), which sees the elements")
        model = cls(InjectorConfig(**found))
        check_base(base.unet, model.config)
        model._encoder = encoder or model._encoder
        model.start_from(base.unet)
        return model.eval()

    @torch.no_grad()
    def start_from(self, unet: nn.Module) -> None:
        """Copy the base's way down into the spatial route, and its keys of text into those of the foreground.

        Raises:
            InputError: if the base's tensors do not fit, as with a LoRA on them.
        """
        spatial.start_from(self.control, unet)
        layers = cross_attention(unet)
        for path, projections in self.projections.items():
            projections.to_k.weight.copy_(layers[path].to_k.weight)

    @property
    def projections(self) -> dict[str, ForegroundProjections]:
        """The projections of the foreground by the paths of the base's layers."""
        found = {path: self.get_submodule(f"{path}.{PROJECTIONS}") for path, _ in self.config.attention}
        return {path: module for path, module in found.items() if isinstance(module, ForegroundProjections)}

    def use_clip(self, weights: str | Path) -> Self:
        """Take CLIP's image tower, which sees the elements and is in no file of an injector, and return the injector.

        Raises:
            InputError: if it cannot be read, is of another width than the injector is for, or none is needed.
        """
        if self.config.encoder != "clip" or self.config.form != "anyscene":
            raise InputError(f"{weights}: this injector needs no CLIP")
        weight = self.resampler.inwards.weight
        encoder = ClipPatches(weights, weight.device)
        if encoder.features != self.config.features:
            raise InputError(
                f"{weights}: an image tower of width {encoder.features}; this injector is for {self.config.features}"
            )
        self._encoder = encoder
        return self

    @property
    def crop_side(self) -> int:
        """Side in pixels of crops as the encoder sees them; without one, 1."""
        return self._encoder.side if self._encoder is not None else 1

    @property
    def encoder_name(self) -> str:
        """Name of what sees the elements, which follows from its weights; empty where there is none."""
        return self._encoder.name if self._encoder is not None else ""

    def features(self, crops: Tensor | Sequence[Tensor]) -> Tensor:
        """Return the encoder's features (E, P, features) of elements; it is frozen, so they can be stored.

        Args:
            crops: (E, 4, H, W) straight RGBA in [0, 1], or several (4, H, W), each of its own size.

        Raises:
            InputError: if a crop has another shape, or CLIP's weights were not given.
        """
        if self._encoder is None:
            raise InputError(
                "CLIP's weights are missing, which see the elements; give them by use_clip (option --clip)"
            )
        weight = self.resampler.inwards.weight
        placed = [crop.to(weight.device, torch.promote_types(crop.dtype, torch.float32)) for crop in crops]
        return self._encoder(placed)

    def tokens(self, crops: Tensor | Sequence[Tensor]) -> Tensor:
        """Return the tokens (E, N, context) of elements; arguments and errors as `features`."""
        tokens: Tensor = self.resampler(self.features(crops).to(self.resampler.inwards.weight))
        return tokens

    def install(self, unet: nn.Module) -> Handle:
        """Put the injector on a U-Net, which computes as before until `Handle.acting`, and exactly so once it is off.

        Raises:
            InputError: if the U-Net is of another kind or shape, or has an injector on it already.
        """
        return put_on(unet, self.projections, self.config)

    def embed(self, condition: Tensor) -> spatial.Embedded:
        """Return a condition as `residuals` takes it too: made once for an image, it is right for all steps.

        Args:
            condition: (1 or B, channels, H, W), see `conditions`.

        Raises:
            InputError: if it has another number of channels.
        """
        return spatial.embed(self.control, condition)

    def residuals(
        self,
        latents: Tensor,
        t: Any,
        condition: Tensor | spatial.Embedded,
        context: Tensor,
        *,
        present: Tensor | None = None,
        parts: int = 1,
        scale: float = 1.0,
    ) -> dict[str, Any]:
        """Return the options of the U-Net that bring in the spatial route; none where its scale is 0.

        The prompt does not matter, so one pass is right for all parts of a batch, guided or not.

        Args:
            latents: (B, 4, h, w) of one part, as the U-Net gets them.
            t: the timestep, or (B,) of them.
            condition: (1 or B, channels, H, W), see `conditions`; or, for many steps, what `embed` has made of it.
            context: tokens (E, N, context) of the elements of all images, or (B, E, N, context) of each; of the form
                canny, the prompts (B, L, context).
            present: (1 or B, E) which elements are there; default: all.
            parts: of the U-Net's batch, each of which gets the same.
            scale: strength of the spatial route.

        Raises:
            InputError: if shapes do not go together, or the scale is below 0.
        """
        if not 0 <= scale < float("inf"):
            raise InputError(f"scale is {scale}; it must be at least 0")
        if not scale:
            return {}
        found = self._run(latents, t, condition, context, present)
        down = tuple((each * scale).to(latents) for each in found.down)
        return spatial.Residuals(down, (found.mid * scale).to(latents)).options(parts)

    def _run(
        self,
        latents: Tensor,
        t: Any,
        condition: Tensor | spatial.Embedded,
        context: Tensor,
        present: Tensor | None = None,
    ) -> spatial.Residuals:
        embedded = condition if isinstance(condition, spatial.Embedded) else self.embed(condition)
        if self.config.form == "canny":
            return spatial.run(self.control, latents, t, embedded, context)
        tokens = context if context.ndim == 4 else context[None]
        if tokens.ndim != 4:
            raise InputError(f"tokens are {tuple(context.shape)}; they must be (E, N, context) or (B, E, N, context)")
        if present is not None:
            tokens = tokens * present[..., None, None].to(tokens)
            present = present.repeat_interleave(tokens.shape[2], dim=1)
        return spatial.run(self.control, latents, t, embedded, tokens.flatten(1, 2), present)

    def forward(self, latents: Tensor, timestep: Tensor, condition: Tensor, features: Tensor) -> tuple[Tensor, ...]:
        """Return tokens (E, N, context) and residuals, the middle's first: what an image takes beside the base.

        Args:
            latents: (B, 4, h, w).
            timestep: (1,) or (B,).
            condition: (1 or B, channels, H, W).
            features: (E, P, D) of its elements; of the form canny, which has no tokens, the prompts (B, L, context).
        """
        if self.config.form == "canny":
            found = self._run(latents, timestep, condition, features)
            return (found.mid, *found.down)
        tokens = self.resampler(features)
        found = self._run(latents, timestep, condition, tokens)
        return (tokens, found.mid, *found.down)


def _nest(root: nn.Module, path: str, module: nn.Module) -> None:
    """Put a module under a dotted path, with empty modules on the way."""
    *way, last = path.split(".")
    for name in way:
        if name not in root._modules:
            root.add_module(name, nn.Module())
        root = root.get_submodule(name)
    root.add_module(last, module)
