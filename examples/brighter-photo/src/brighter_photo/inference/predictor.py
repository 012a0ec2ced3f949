"""Prediction: dim photos -> bright ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from visioncore.images import Image, Pixels
from visioncore.inference.restoration import ImagePredictor, predict_images
from visioncore.weights.fingerprint import fingerprint

from ..network.fast import for_inference
from ..network.model import Brighter
from .result import Result

predict_files = partial(predict_images, videos=False)


class Predictor(ImagePredictor[Result]):
    """Makes photos of any size bright.

    Args:
        model: the network; later changes of its weights are not seen.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``float32``; ``bfloat16`` or ``float16`` for more speed at a small cost in accuracy; ``auto`` is
            bfloat16 on GPUs that have it and float32 elsewhere.
        batch: images on the device at a time; fewer after memory ran out.
        notify: told, in one line, when the batch is halved; default: a warning.

    Raises:
        InputError: if the device, the precision or the batch is not what it should be.
    """

    multiple = 1
    result = Result

    def __init__(
        self,
        model: Brighter,
        device: str | torch.device = "auto",
        *,
        dtype: str = "float32",
        batch: int = 1,
        notify: Callable[[str], None] = warnings.warn,
    ) -> None:
        super().__init__(device, dtype=dtype, batch=batch, notify=notify)
        self.channels, self.weights = model.config.channels, fingerprint(model)
        self.network = for_inference(model, self.device, self.dtype)

    def __call__(self, photo: str | Path | Image | Pixels) -> Result:
        """Make a photo bright: see `image`."""
        return self.image(photo)
