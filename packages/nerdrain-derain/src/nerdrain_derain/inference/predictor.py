"""Prediction: rainy images and videos -> restored results."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import torch
import torch.nn.functional as F
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
BYTES_PER_CHANNEL = 64
"""Bytes that the network takes for a pixel and a channel of its first level: by measurement 46 to 64."""

predict_files = predict_images


class Predictor(ImagePredictor[Prediction]):
    """Removes rain from images and videos of any size.

    Args:
        model: the network, which is moved to the device, or the weights that `load_model` takes.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        dtype: ``float32``; ``bfloat16`` or ``float16`` for more speed at a small cost in accuracy; or such a type of
            PyTorch; ``auto`` is bfloat16 on GPUs that have it and float32 elsewhere.
        tiles: how images are cut up: ``auto``, whole where 2 GiB suffice, else into the fewest tiles that do, blended
            without seams; ``whole``; tiles of (size, overlap); or ``official``, the authors' windows of 256. Statistics
            of attention are taken over a tile, so results depend on it a little; the numbers of the paper need
            ``official``. An image no larger than a tile is run whole, and for ``official`` so is one with a side under
            256, which the authors' code cannot take.
        batch: images or tiles on the device at a time; fewer after memory ran out.
        self_ensemble: average over the eight rotated and flipped versions, at eight times the cost.
        compile: compile the network for the tile size first (pays off for many tiles).
        notify: told, in one line, when the batch is halved, and that weights are demo weights; default: a warning.

    Raises:
        InputError: if the device, the precision, the tiles or the batch are not what they should be.
    """

    multiple = MULTIPLE
    other_tiles = ("official",)
    auto_overlap = 16  # by measurement, see docs/speed.md
    result = Prediction

    def __init__(
        self,
        model: NeRDRain | str | Path,
        device: str | torch.device = "auto",
        *,
        tiles: Tiles | str | None = "auto",
        batch: int = 1,
        compile: bool = False,
        **settings: Unpack[Settings],
    ) -> None:
        model = load_model(model) if isinstance(model, str | Path) else model
        super().__init__(model, device, tiles=tiles, batch=batch, **settings)
        self.model = model.to(self.device).eval()
        self.bytes_per_pixel = BYTES_PER_CHANNEL * model.config.dim
        self.network = in_precision(torch.compile(self.model) if compile else self.model, self.device, self.dtype)

    def __call__(self, image: GivenImage, *, range: Range | None = None) -> Prediction:
        """Remove the rain from an image: see `image`."""
        return self.image(image, range=range)

    @property
    def precision(self) -> torch.dtype:
        return torch.promote_types(next(self.model.parameters()).dtype, torch.float32)

    def _run(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        if self.tiles != "official" or min(height, width) < OFFICIAL_WINDOW:
            # a last row that is repeated carries streaks on; mirrored, they would bend where no rain does
            longer = F.pad(images, (0, 0, 0, -height % MULTIPLE), mode="replicate")
            return super()._run(longer)[..., :height, :]
        return run_windows(
            self.network, images, size=OFFICIAL_WINDOW, batch=self.batch, device=self.device, notify=self.notify
        )
