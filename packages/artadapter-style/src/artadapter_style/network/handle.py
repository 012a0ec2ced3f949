"""An adapter on a U-Net: installed, set to act for a run, uninstalled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from torch import nn

from visioncore.diffusion.base import kind_of
from visioncore.diffusion.layers import attention_widths
from visioncore.diffusion.processors import Installed, install
from visioncore.diffusion.switch import Switch, Switched, check_free
from visioncore.errors import InputError

from .acting import Acting, SameEverywhere, Scales
from .attention import DecoupledAttention, ExplicitAttention, StyleProjections
from .config import LEVELS, ArtAdapterConfig, Level

FORMS = {"explicit": ExplicitAttention, "decoupled": DecoupledAttention}


class Handle(Switched[Acting]):
    """An adapter that is on a U-Net; outside of `acting` the U-Net computes as without it."""

    def __init__(self, installed: Installed, switch: Switch[Acting], tokens: int) -> None:
        super().__init__(installed, switch, "adapter")
        self._tokens = tokens

    def acting(
        self,
        styled: Sequence[bool] = (True,),
        scale: float | Mapping[str, float] | Scales = 1.0,
        levels: Sequence[Level] = LEVELS,
    ) -> AbstractContextManager[Acting]:
        """Let the U-Net take style from prompts inside this context.

        Keys and values of a prompt are computed once inside it, as long as the same tensor is given; what changes the
        base's or the adapter's weights belongs outside.

        Args:
            styled: whether prompts have style tokens, of each part of a batch of equal parts: (False, True) where the
                negative prompts come first, as with guidance in diffusers.
            scale: strength of the style, 1 as trained, 0 for none: of all levels, of each level, or an object that says
                it for each part of the U-Net and progress, see `Scales`.
            levels: that are on in the style.

        Raises:
            InputError: if something else has replaced the processors since, or a value is not what it should be.
        """
        scales = SameEverywhere(scale) if isinstance(scale, int | float | Mapping) else scale
        return self._on(Acting(styled, scales, levels, self._tokens))


def put_on(unet: nn.Module, projections: Mapping[str, StyleProjections], config: ArtAdapterConfig) -> Handle:
    """Install an adapter's projections on a U-Net.

    Raises:
        InputError: if the U-Net is of another kind or shape, or has such an adapter on it.
    """
    check_base(unet, config)
    check_free(unet, ExplicitAttention, "an adapter")
    switch: Switch[Acting] = Switch()
    form = FORMS[config.form]
    installed = install(unet, projections, lambda path, before: form(path, projections[path], switch, before))
    return Handle(installed, switch, config.tokens)


def check_base(unet: nn.Module, config: ArtAdapterConfig) -> None:
    """Validate that a U-Net is the kind of base that an adapter is for.

    Raises:
        InputError: naming what does not fit.
    """
    if (kind := kind_of(unet)) != "sd1":
        named = {"sd2": "Stable Diffusion 2.x", "sdxl": "Stable Diffusion XL"}[kind]
        raise InputError(f"the base is {named}; ArtAdapter is for Stable Diffusion 1.x and what was tuned from it")
    found, wanted = attention_widths(unet), dict(config.attention)
    context = unet.config.cross_attention_dim  # type: ignore[union-attr]
    if found != wanted or context != config.width:
        raise InputError(
            f"the base has {len(found)} cross-attention layers of widths {_widths(found)} on tokens of {context}; this "
            f"adapter is for {len(wanted)} of widths {_widths(wanted)} on tokens of {config.width}"
        )


def _widths(layers: Mapping[str, int]) -> str:
    return "/".join(str(width) for width in sorted(set(layers.values())))
