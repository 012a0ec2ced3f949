"""How well frames fit a text, as CLIP sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from visioncore.backbones.clip_files import read_clip
from visioncore.backbones.clip_tokens import clip_tokens
from visioncore.errors import InputError

from ..data.clips import Clip
from ..data.preparation import square
from ..network.image_bind import MEAN, STD


class ClipScore:
    """A CLIP on patches that compares frames with a text.

    Args:
        weights: a file or folder of open_clip, OpenAI or transformers, see `visioncore.backbones.clip_files.read_clip`.
        device: where it runs.

    Raises:
        InputError: if it cannot be read, or lacks a tower.
    """

    def __init__(self, weights: str | Path, device: torch.device | str = "cpu") -> None:
        read = read_clip(weights)
        self.image, self.text = read.vit().to(device).eval(), read.text_tower().to(device).eval()
        self.device = device

    @torch.inference_mode()
    def __call__(self, frames: Tensor, text: str) -> Tensor:
        """Return 100 times the cosine (n,) between frames (n, 3, H, W) in [0, 1] and a text.

        Frames are their middle squares, resized bicubically as Pillow does, as CLIP was trained.
        """
        side = self.image.config.image_size
        pixels = (255 * frames).round().byte().movedim(1, -1).cpu().numpy()
        squares = np.stack([square(frame, side, bicubic=True) for frame in pixels])
        images = torch.from_numpy(squares).movedim(-1, 1).float().div(255).to(self.device)
        mean, deviation = (images.new_tensor(values)[:, None, None] for values in (MEAN, STD))
        words = clip_tokens([text], self.text.config.context).to(self.device)
        seen, read = self.image((images - mean) / deviation).float(), self.text(words).float()
        return 100 * functional.cosine_similarity(seen, read).cpu()


def text_of(clip: Clip) -> str:
    """Return the text of a clip, or its class where it has none.

    Raises:
        InputError: if it has neither.
    """
    if not (text := clip.text() or clip.label):
        raise InputError(f"{clip.name}: has no text and no class; a list can name them")
    return text
