"""An injector on a U-Net: installed, set to act for a run, uninstalled."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from torch import Tensor, nn

from visioncore.diffusion.processors import install
from visioncore.diffusion.switch import Switch, Switched, check_free
from visioncore.errors import InputError

from .acting import Acting
from .attention import ForegroundProjections, InjectedAttention
from .config import InjectorConfig, fitting
from .layout import Layout


class Handle(Switched[Acting]):
    """An injector that is on a U-Net; outside of `acting` the U-Net computes as without it."""

    def acting(
        self, layout: Layout, tokens: Tensor, *, scale: float = 1.0, parts: Sequence[bool] = (True,)
    ) -> AbstractContextManager[Acting]:
        """Let the U-Net attend to a foreground, and by its layout, inside this context.

        Keys and values are computed once inside it, as long as the same prompt is given; what changes weights belongs
        outside.

        Args:
            layout: of the images.
            tokens: (E, N, context) of their elements, see `Injector.tokens`, or (B, E, N, context) of each image.
            scale: strength of the semantic route, 1 as trained, 0 for none; the layout holds all the same.
            parts: of a batch of equal parts, whether each has the foreground, and prompts that name it: (False, True)
                where the negative prompts come first, as with guidance in diffusers.

        Raises:
            InputError: if something else has replaced the processors since, or a value is not what it should be.
        """
        return self._on(Acting(layout, tokens, scale, parts))


def put_on(unet: nn.Module, projections: Mapping[str, ForegroundProjections], config: InjectorConfig) -> Handle:
    """Install an injector's projections on a U-Net.

    Raises:
        InputError: if the U-Net is of another kind or shape, or has such an injector on it.
    """
    check_base(unet, config)
    check_free(unet, InjectedAttention, "an injector")
    switch: Switch[Acting] = Switch()
    installed = install(
        unet, projections, lambda path, before: InjectedAttention(path, projections[path], switch, before)
    )
    return Handle(installed, switch, "injector")


def check_base(unet: nn.Module, config: InjectorConfig) -> None:
    """Validate that a U-Net is the kind of base that an injector is for.

    Raises:
        InputError: naming what does not fit.
    """
    found = fitting(unet, config.control.factor)
    control = dataclasses.replace(found["control"], ladder=config.control.ladder, upcast=config.control.upcast)
    attention = found["attention"] if config.form == "anyscene" else ()
    if (found["context"], attention, control) != (config.context, config.attention, config.control):
        raise InputError(
            f"the base has {_told(found['context'], found['attention'], control.blocks)}; this injector is for one "
            f"with {_told(config.context, config.attention, config.control.blocks)}"
        )


def _told(context: int, attention: Sequence[tuple[str, int]], blocks: Sequence[int]) -> str:
    layers = f"{len(attention)} cross-attention layers, " if attention else ""
    return f"{layers}blocks of {'/'.join(map(str, blocks))} and tokens of {context}"
