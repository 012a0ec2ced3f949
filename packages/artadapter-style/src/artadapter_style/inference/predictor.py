"""Prediction: references and a prompt -> images in their style."""

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

from ..network.model import ArtAdapter
from ..network.weights import load_model
from .bases import DEMO, open_base
from .pipeline import ArtAdapterPipeline
from .result import Result
from .styles import GivenStyle


class Predictor(BasePredictor):
    """Makes images of prompts in the style of references.

    Args:
        model: the adapter, or the weights that `load_model` takes; later changes of it are not seen.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        base: the base model: a folder in the layout of diffusers, a single file, ``demo``, or a pipeline of diffusers,
            which is moved to the device and the precision.
        dtype: of the base model: ``float32``; ``bfloat16`` or ``float16`` for more speed at a small cost in accuracy;
            or such a type of PyTorch; ``auto`` is bfloat16 on GPUs that have it and float32 elsewhere.
        batch: images on the device at a time; fewer after memory ran out.
        low_memory: self-attention in slices and the auto-encoder in tiles, for large images.
        notify: told, in one line each, of prompts that are cut, of images that the safety checker makes black, when the
            batch is halved, and what is to be known of the weights; default: a warning.

    Attributes:
        pipeline: does the work; see it for use beside other pipelines of diffusers.

    Raises:
        InputError: if an option is not what it should be, or adapter and base do not fit each other.
    """

    def __init__(
        self,
        model: ArtAdapter | str | Path = DEMO,
        device: str | torch.device = "auto",
        *,
        base: Any = DEMO,
        dtype: str | torch.dtype = "float32",
        batch: int = 1,
        low_memory: bool = False,
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        adapter = load_model(model) if isinstance(model, str | Path) else copy.deepcopy(model).eval()
        super().__init__(adapter, device, dtype=dtype, batch=batch, notify=notify)
        opened = open_base(base, self.dtype) if isinstance(base, str | Path) else base.to(dtype=self.dtype)
        self.base = str(base) if isinstance(base, str | Path) else type(base).__name__
        self.pipeline = ArtAdapterPipeline(
            opened.to(self.device), adapter, batch=batch, low_memory=low_memory, notify=notify
        )

    def settings(self) -> dict[str, Any]:
        known = {name: value for name, value in super().settings().items() if name != "self_ensemble"}
        return known | {"base": self.base, "low_memory": self.pipeline.low_memory}

    def recorded(self) -> dict[str, Any]:
        return super().recorded() | {"base": self.pipeline.base_fingerprint}

    def __call__(self, style: GivenStyle | None = None, prompt: str | Sequence[str] = "", **options: Any) -> Result:
        """Make images of prompts in a style; see `ArtAdapterPipeline.__call__` for the options.

        Raises:
            InputError: as there.
        """
        self.tell_notice()
        return self.pipeline(prompt, style, **options)

    def run(self, references: Tensor) -> Tensor:
        """Return an image (B, 3, h, w) in the style of each of the references, of the empty prompt and the seed 0.

        One reference may lack the batch. The images have values of 8 bit, in float32, where the references were.

        Args:
            references: (B, 3, H, W) RGB in [0, 1].

        Raises:
            InputError: if the shape is another, or a number is not finite.
        """
        if references.ndim == 3:
            return self.run(references[None])[0]
        if references.ndim != 4 or references.shape[1] != 3 or not references.is_floating_point():
            shape = tuple(references.shape)
            raise InputError(f"references are {shape} {references.dtype}; they must be (B, 3, H, W) in [0, 1]")
        if not len(references):
            return references.new_zeros((0, 3, *self.pipeline.own_size), dtype=torch.float32)
        made = np.concatenate([self(reference).images for reference in references])
        return torch.from_numpy(made).permute(0, 3, 1, 2).to(references.device, torch.float32) / 255
