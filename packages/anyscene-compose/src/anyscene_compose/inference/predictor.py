"""Prediction: a foreground and a prompt -> new scenes around it."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from visioncore.errors import InputError
from visioncore.inference.predictor import BasePredictor

from ..network.model import Injector
from ..network.weights import load_model
from .bases import DEMO, open_base, put_on_device
from .canvas import Canvas
from .elements import GivenElement
from .pipeline import AnyScene
from .result import Result


class Predictor(BasePredictor):
    """Makes new scenes around a foreground.

    Args:
        model: the injector, or the weights that `load_model` takes; later changes of it are not seen.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        base: the base model: a folder in the layout of diffusers, a single file, ``demo``, or a pipeline of diffusers,
            which is moved to the device and the precision.
        clip: weights of CLIP's image tower, for an injector that sees elements by it.
        dtype: of the base model and the injector: ``float32``; ``bfloat16`` or ``float16`` for more speed at a small
            cost in accuracy; or such a type of PyTorch; ``auto`` is bfloat16 on GPUs that have it and float32
            elsewhere.
        batch: images on the device at a time; fewer after memory ran out.
        low_memory: self-attention in slices and the auto-encoder in tiles, for large canvases.
        notify: told, in one line each, what a user should know, see `AnyScene`; default: a warning.

    Attributes:
        pipeline: does the work.
        channels: of the tensors that `run` takes.

    Raises:
        InputError: if an option is not what it should be, or injector and base do not fit each other.
    """

    channels = 4

    def __init__(
        self,
        model: Injector | str | Path = DEMO,
        device: str | torch.device = "auto",
        *,
        base: Any = DEMO,
        clip: str | Path | None = None,
        dtype: str | torch.dtype = "float32",
        batch: int = 1,
        low_memory: bool = False,
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        injector = load_model(model) if isinstance(model, str | Path) else copy.deepcopy(model).eval()
        super().__init__(injector, device, dtype=dtype, batch=batch, notify=notify)
        opened = open_base(base, self.dtype) if isinstance(base, str | Path) else base.to(dtype=self.dtype)
        self.base = str(base) if isinstance(base, str | Path) else type(base).__name__
        self.pipeline = AnyScene(
            put_on_device(opened, self.device), injector, clip=clip, batch=batch, low_memory=low_memory, notify=notify
        )

    def settings(self) -> dict[str, Any]:
        known = {name: value for name, value in super().settings().items() if name != "self_ensemble"}
        return known | {"base": self.base, "low_memory": self.pipeline.low_memory}

    def recorded(self) -> dict[str, Any]:
        return super().recorded() | {"base": self.pipeline.base_fingerprint}

    def __call__(self, canvas: Canvas | GivenElement, prompt: str = "", **options: Any) -> Result:
        """Make scenes around what is on a canvas; see `AnyScene.compose` for the options.

        Raises:
            InputError: as there.
        """
        self.tell_notice()
        return self.pipeline.compose(canvas, prompt, **options)

    def run(self, elements: Tensor) -> Tensor:
        """Return a scene (B, 3, h, w) around each of several elements, of the empty prompt and the seed 0.

        One element may lack the batch. The scenes are of the base's own size and have values of 8 bit, in float32,
        where the elements were.

        Args:
            elements: (B, 4, H, W) straight RGBA in [0, 1], clipped to that.

        Raises:
            InputError: if the shape is another, or an element is none, see `Element`.
        """
        if elements.ndim == 3:
            return self.run(elements[None])[0]
        if elements.ndim != 4 or elements.shape[1] != 4 or not elements.is_floating_point():
            shape = tuple(elements.shape)
            raise InputError(f"elements are {shape} {elements.dtype}; they must be (B, 4, H, W) RGBA in [0, 1]")
        if not len(elements):
            return elements.new_zeros((0, 3, *self.pipeline.own_size), dtype=torch.float32)
        made = np.concatenate([self(element.clamp(0, 1)).plain for element in elements])
        return torch.from_numpy(made).permute(0, 3, 1, 2).to(elements.device, torch.float32) / 255


def compose(
    canvas: Canvas | GivenElement,
    prompt: str = "",
    *,
    base: Any = DEMO,
    weights: Injector | str | Path = DEMO,
    device: str | torch.device = "auto",
    dtype: str | torch.dtype = "float32",
    clip: str | Path | None = None,
    seeds: int | Sequence[int] = 0,
    **options: Any,
) -> Result:
    """Make scenes around what is on a canvas, in one call; for several, an `AnyScene` reads its weights once.

    Args:
        canvas: with its elements; or an element alone, for a canvas of the base's own size.
        prompt: of the whole image.
        base: as of `Predictor`.
        weights: the injector, as of `Predictor`.
        device: as of `Predictor`.
        dtype: as of `Predictor`.
        clip: as of `Predictor`.
        seeds: one for each image.
        options: further arguments of `AnyScene.compose`.

    Raises:
        InputError: as there.
    """
    return Predictor(weights, device, base=base, clip=clip, dtype=dtype)(canvas, prompt, seeds=seeds, **options)
