"""Parts of every Predictor: where and how the network runs, what is to be known of its weights, one line of text."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..devices import resolve_device, resolve_dtype, slow_precision
from ..errors import InputError
from ..weights.fingerprint import fingerprint


class BasePredictor:
    """Runs a network; a subclass says on what.

    Args:
        model: the network. Its ``notice``, see `visioncore.weights.pretrained.Pretrained`, is passed on at first use.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``float32``, ``bfloat16``, ``float16`` or ``auto``, see `visioncore.devices.resolve_dtype`.
        batch: inputs on the device at a time.
        self_ensemble: average over the eight rotated and flipped versions.
        notify: told what a user should know, in one line each.

    Attributes:
        weights: the `fingerprint` of the network.
        notice: what is to be known of the weights, such as that they are for trying things out; empty for nothing.

    Raises:
        InputError: if an option is not what it should be.
    """

    def __init__(
        self,
        model: nn.Module,
        device: str | torch.device = "auto",
        *,
        dtype: str | torch.dtype = "float32",
        batch: int = 1,
        self_ensemble: bool = False,
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        self.device = resolve_device(device)
        self.dtype = resolve_dtype(dtype, self.device)
        self.batch, self.self_ensemble, self.notify = batch, self_ensemble, notify
        if slow := slow_precision(self.dtype, self.device):
            notify(slow)
        self.weights = fingerprint(model)
        self.title, self.notice = type(model).__name__, str(getattr(model, "notice", ""))
        self._untold = self.notice
        if batch < 1:
            raise InputError(f"batch is {batch}; at least one input must be on the device at a time")

    def tell_notice(self) -> None:
        """Pass on what is to be known of the weights, the first time."""
        if self._untold:
            told, self._untold = self._untold, ""
            self.notify(told)

    def settings(self) -> dict[str, Any]:
        """Return how the network is run, as shown of a predictor."""
        return {
            "device": self.device,
            "dtype": str(self.dtype).removeprefix("torch."),
            "batch": self.batch,
            "self_ensemble": self.self_ensemble,
        }

    def recorded(self) -> dict[str, Any]:
        """Return all that a result depends on besides its input, for the record of a batch."""
        elsewhere = ("device", "batch")
        how = {name: value for name, value in self.settings().items() if name not in elsewhere}
        return {"weights": self.weights, **how}

    def __repr__(self) -> str:
        how = ", ".join(f"{name}={value}" for name, value in self.settings().items())
        return f"{type(self).__name__}({self.title}, {how})"
