"""Processors that are on a U-Net and act for a run only: switched on, off, and taken off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from torch import nn

from ..errors import InputError
from .layers import cross_attention
from .processors import Installed

State = TypeVar("State")


class Switch(Generic[State]):
    """The state that processors act by, which they all share; None while they do not act."""

    def __init__(self) -> None:
        self.acting: State | None = None


class Switched(Generic[State]):
    """Processors on a U-Net that compute as without them, but for the time of a run.

    Args:
        installed: the processors.
        switch: that they share.
        what: they are of, such as "adapter", for messages.
    """

    def __init__(self, installed: Installed, switch: Switch[State], what: str) -> None:
        self._installed, self._switch, self._what = installed, switch, what

    def uninstall(self) -> None:
        """Take them off: the processors that were there are there again."""
        self._installed.uninstall()
        self._switch.acting = None

    @contextmanager
    def _on(self, state: State) -> Iterator[State]:
        """Let them act inside this context.

        Raises:
            InputError: if something else has replaced them since.
        """
        if not self._installed.in_place:
            raise InputError(
                f"the U-Net's attention processors were replaced since; install the {self._what} after that"
            )
        before, self._switch.acting = self._switch.acting, state
        try:
            yield state
        finally:
            self._switch.acting = before


def check_free(unet: nn.Module, kind: type, what: str) -> None:
    """Check that no processor of a kind is on a U-Net.

    Args:
        unet: of diffusers.
        kind: of processors.
        what: they are of, such as "an adapter", for messages.

    Raises:
        InputError: naming the layer.
    """
    for path, layer in cross_attention(unet).items():
        if isinstance(layer.processor, kind):
            raise InputError(f"{path}: {what} is on this U-Net already; uninstall it first")
