"""A pipeline of ours that stands on a base model, and puts something on it and takes it off again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch

from ..errors import InputError
from ..weights.fingerprint import fingerprint
from .latents import own_size


class OnBase:
    """A base model, with what images of any method made with it depend on.

    Args:
        base: pipeline of diffusers.
        batch: images on the device at a time.
        low_memory: self-attention in slices and the auto-encoder in tiles.
        notify: told what users should know, in one line each.

    Raises:
        InputError: if the batch is below 1.
    """

    def __init__(self, base: Any, batch: int, low_memory: bool, notify: Callable[[str], None]) -> None:
        if batch < 1:
            raise InputError(f"batch is {batch}; at least one image must be on the device at a time")
        self.base, self.batch, self.low_memory, self.notify = base, batch, low_memory, notify
        self._said: set[str] = set()

    @property
    def device(self) -> torch.device:
        """Where the base model is."""
        device: torch.device = self.base.unet.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the base model."""
        dtype: torch.dtype = self.base.unet.dtype
        return dtype

    @property
    def own_size(self) -> tuple[int, int]:
        """Height and width, in pixels, that the base model was made for."""
        return own_size(self.base)

    @cached_property
    def base_fingerprint(self) -> str:
        """Twelve letters that follow from the weights of the base's U-Net, as they were when first asked for."""
        return fingerprint(self.base.unet)

    def notify_once(self, line: str) -> None:
        """Notify of a line that was not told before."""
        if line not in self._said:
            self._said.add(line)
            self.notify(line)
