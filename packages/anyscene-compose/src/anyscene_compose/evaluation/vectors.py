"""Vectors of images by a network of transformers, such as DINO, which tell things of one kind apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from visioncore.diffusion.base import without_bars
from visioncore.errors import damage
from visioncore.extras import require

from .areas import Pixels
from .fidelity import resized

SIDE = 224
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class ImageVectors:
    """A network whose first token stands for the whole image.

    Args:
        folder: of transformers, such as a downloaded ``facebook/dino-vits16``; nothing is fetched and no code is run.
        device: where it runs.

    Attributes:
        name: of the folder, to stand beside the numbers.

    Raises:
        InputError: if it cannot be read.
    """

    def __init__(self, folder: str | Path, device: torch.device | str = "cpu") -> None:
        transformers = require("transformers", "diffusion")
        with damage(Path(folder), "no network of transformers that can be read", "; give its folder"), without_bars():
            network: Any = transformers.AutoModel.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, use_safetensors=True
            )
        self._network, self._device = network.to(device).eval(), device
        self.name = Path(folder).name

    @torch.inference_mode()
    def __call__(self, images: Sequence[Pixels]) -> Tensor:
        """Return vectors (n, D) of square RGB images (S, S, 3), resized bicubically to 224 pixels."""
        pixels = torch.stack([torch.from_numpy(resized(image, SIDE)).movedim(-1, 0) for image in images])
        mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
        prepared = (pixels.float().div(255) - mean) / deviation
        found: Tensor = self._network(pixel_values=prepared.to(self._device)).last_hidden_state[:, 0]
        return found.float().cpu()
