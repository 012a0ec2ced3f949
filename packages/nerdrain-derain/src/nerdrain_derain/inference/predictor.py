"""Prediction: rainy images and videos -> restored results."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import torch
from torch import Tensor

from visioncore.inference.image_inputs import GivenImage, Range
from visioncore.inference.restoration import ImagePredictor, Settings, in_precision, predict_images
from visioncore.inference.tiling import Tiles

from ..network.model import MULTIPLE, NeRDRain
from ..network.weights import load_model
from .official_windows import run_windows
from .result import Prediction

__all__ = ["Prediction", "Predictor", "predict_files"]

OFFICIAL_WINDOW = 256

predict_files = predict_images


class Predictor(ImagePredictor[Prediction]):
    """Removes rain from images and videos of any size.

    Args:
        model: the network, which is moved to the device, or the weights that `load_model` takes.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``float32``; ``bfloat16`` or ``float16`` for more speed at a small cost in accuracy; or such a type of
            PyTorch; ``auto`` is bfloat16 on GPUs that have it and float32 elsewhere.
        tiles: how images are cut up: into tiles of (size, overlap), by default of the size that was trained on, blended
            without seams; ``whole``; or ``official``, the authors' windows of 256. Statistics of attention are taken
            over a tile, so results depend on it a little; the numbers of the paper need ``official``. An image no
            larger than a tile is run whole, and for ``official`` so is one with a side under 256, which the authors'
            code cannot take.
        batch: images or tiles on the device at a time; fewer after memory ran out.
        self_ensemble: average over the eight rotated and flipped versions, at eight times the cost.
        compile: compile the network for the tile size first (pays off for many tiles).
        notify: told, in one line, when the batch is halved, and that weights are demo weights; default: a warning.

    Raises:
        InputError: if the device, the precision, the tiles or the batch are not what they should be.
    """

    multiple = MULTIPLE
    other_tiles = ("official",)
    result = Prediction

    def __init__(
        self,
        model: NeRDRain | str | Path,
        device: str | torch.device = "auto",
        *,
        tiles: Tiles | str | None = (256, 32),
        batch: int = 1,
        compile: bool = False,
        **settings: Unpack[Settings],
    ) -> None:
        model = load_model(model) if isinstance(model, str | Path) else model
        super().__init__(model, device, tiles=tiles, batch=batch, **settings)
        self.model = model.to(self.device).eval()
        self.network = in_precision(torch.compile(self.model) if compile else self.model, self.device, self.dtype)

    def __call__(self, image: GivenImage, *, range: Range | None = None) -> Prediction:
        """Remove the rain from an image: see `image`."""
        return self.image(image, range=range)

    @property
    def precision(self) -> torch.dtype:
        return torch.promote_types(next(self.model.parameters()).dtype, torch.float32)

    def _run(self, images: Tensor) -> Tensor:
        if self.tiles != "official" or min(images.shape[-2:]) < OFFICIAL_WINDOW:
            return super()._run(images)
        return run_windows(
            self.network, images, size=OFFICIAL_WINDOW, batch=self.batch, device=self.device, notify=self.notify
        )
