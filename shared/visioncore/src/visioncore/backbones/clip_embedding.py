"""Images and texts as unit vectors that CLIP compares, prepared as it was trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ..extras import require
from .clip_files import read_clip
from .clip_tokens import clip_tokens
from .clip_transformer import CLIP_VITS, CLIPTextConfig, CLIPViTConfig

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


class ClipEmbedder:
    """The two towers of a CLIP on patches.

    Args:
        weights: a file or folder of open_clip, OpenAI or transformers, see `read_clip`.
        device: where it runs.

    Attributes:
        name: of its architecture and of the file, to stand beside the numbers that it gives.

    Raises:
        InputError: if the weights cannot be read, or lack a tower.
    """

    def __init__(self, weights: str | Path, device: torch.device | str = "cpu") -> None:
        read = read_clip(weights)
        self._image, self._text = read.vit().to(device).eval(), read.text_tower().to(device).eval()
        self._device = device
        architecture = architecture_name(self._image.config, self._text.config)
        file = Path(weights).name
        self.name = architecture if Path(file).stem == architecture else f"{architecture} of {file}"

    @torch.inference_mode()
    def images(self, images: Iterable[NDArray[np.uint8]], batch: int = 16) -> Tensor:
        """Return unit vectors (n, D) of RGB images (H, W, 3), each the middle square of the resized image.

        Args:
            images: of 8 bits; of any size.
            batch: images on the device at a time.
        """
        squares = torch.from_numpy(
            np.stack([middle_square(image, self._image.config.image_size) for image in images])
        ).movedim(-1, 1)
        mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
        prepared = ((part.float().div(255) - mean) / deviation for part in squares.split(batch))
        return torch.cat([F.normalize(self._image(part.to(self._device)).float(), dim=-1).cpu() for part in prepared])

    @torch.inference_mode()
    def texts(self, texts: Sequence[str], batch: int = 64) -> Tensor:
        """Return unit vectors (n, D) of texts.

        Args:
            texts: long ones are cut.
            batch: texts on the device at a time.

        Raises:
            InputError: if open_clip, whose tokenizer is used, is missing.
        """
        ids = clip_tokens(texts, self._text.config.context)
        return torch.cat(
            [F.normalize(self._text(part.to(self._device)).float(), dim=-1).cpu() for part in ids.split(batch)]
        )


def middle_square(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Return the middle of an image (H, W, 3) as (size, size, 3), resized bicubically as Pillow does."""
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    pillow = require("PIL.Image", "images")
    short = min(height, width)
    wide, high = size * width // short, size * height // short
    resized: NDArray[np.uint8] = np.array(pillow.fromarray(image).resize((wide, high), pillow.Resampling.BICUBIC))
    top, left = round((high - size) / 2), round((wide - size) / 2)
    return resized[top : top + size, left : left + size]


def architecture_name(image: CLIPViTConfig, text: CLIPTextConfig) -> str:
    """Return OpenAI's name of an architecture, such as ``ViT-L-14``, or one made from its sizes."""
    known = (name for name, towers in CLIP_VITS.items() if towers == (image, text))
    return next(known, f"ViT-{image.width}x{image.layers}-{image.patch} at {image.image_size}")
