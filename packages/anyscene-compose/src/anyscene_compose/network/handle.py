"""An injector on a U-Net: installed, set to act for a run, uninstalled."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from torch import Tensor, nn

from visioncore.diffusion.layers import cross_attention
from visioncore.diffusion.processors import Installed, install
from visioncore.errors import InputError

from .acting import Acting
from .attention import ForegroundProjections, InjectedAttention, Switch
from .config import InjectorConfig, fitting
from .layout import Layout


class Handle:
    """An injector that is on a U-Net; outside of `acting` the U-Net computes as without it."""

    def __init__(self, installed: Installed, switch: Switch) -> None:
        self._installed, self._switch = installed, switch

    @contextmanager
    def acting(
        self, layout: Layout, tokens: Tensor, *, scale: float = 1.0, parts: Sequence[bool] = (True,)
    ) -> Iterator[Acting]:
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
        if not self._installed.in_place:
            raise InputError("the U-Net's attention processors were replaced since; install the injector after that")
        before, self._switch.acting = self._switch.acting, Acting(layout, tokens, scale, parts)
        try:
            yield self._switch.acting
        finally:
            self._switch.acting = before

    def uninstall(self) -> None:
        """Take the injector off: the processors that were there are there again."""
        self._installed.uninstall()
        self._switch.acting = None


def put_on(unet: nn.Module, projections: Mapping[str, ForegroundProjections], config: InjectorConfig) -> Handle:
    """Install an injector's projections on a U-Net.

    Raises:
        InputError: if the U-Net is of another kind or shape, or has such an injector on it.
    """
    check_base(unet, config)
    for path, layer in cross_attention(unet).items():
        if isinstance(layer.processor, InjectedAttention):
            raise InputError(f"{path}: an injector is on this U-Net already; uninstall it first")
    switch = Switch()
    installed = install(
        unet, projections, lambda path, before: InjectedAttention(path, projections[path], switch, before)
    )
    return Handle(installed, switch)


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
