"""Prediction: dim photos -> bright ones."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Unpack

import torch

from visioncore.inference.image_inputs import GivenImage, Range
from visioncore.inference.restoration import ImagePredictor, Settings, predict_images

from ..network.fast import for_inference
from ..network.model import CSC
from ..network.weights import load_model
from .result import Result

predict_files = partial(predict_images, videos=False)


class Predictor(ImagePredictor[Result]):
    """Makes photos of any size bright.

    Args:
        model: the network, or the weights that `load_model` takes; later changes of a network are not seen.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``float32``; ``bfloat16`` or ``float16`` for more speed at a small cost in accuracy; or such a type of
            PyTorch; ``auto`` is bfloat16 on GPUs that have it and float32 elsewhere.
        batch: images on the device at a time; fewer after memory ran out.
        self_ensemble: average over the eight rotated and flipped versions, at eight times the cost.
        compile: compile the network first, which pays off for many images of one size.
        notify: told, in one line, when the batch is halved, and that weights are demo weights; default: a warning.

    Raises:
        InputError: if the device, the precision or the batch is not what it should be.
    """

    multiple = 1
    result = Result

    def __init__(
        self,
        model: CSC | str | Path,
        device: str | torch.device = "auto",
        *,
        batch: int = 1,
        compile: bool = False,
        **settings: Unpack[Settings],
    ) -> None:
        model = load_model(model) if isinstance(model, str | Path) else model
        super().__init__(model, device, batch=batch, **settings)
        self.channels = model.config.channels
        fast = for_inference(model, self.device, self.dtype)
        self.network = torch.compile(fast) if compile else fast

    def __call__(self, photo: GivenImage, *, range: Range | None = None) -> Result:
        """Make a photo bright: see `image`."""
        return self.image(photo, range=range)
