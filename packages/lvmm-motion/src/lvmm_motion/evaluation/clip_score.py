"""How well frames fit a text, as CLIP sees it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from visioncore.backbones.clip_embedding import ClipEmbedder
from visioncore.errors import InputError

from ..data.clips import Clip


class ClipScore:
    """A CLIP on patches that compares frames with a text.

    Args:
        weights: a file or folder of open_clip, OpenAI or transformers, see `visioncore.backbones.clip_files.read_clip`.
        device: where it runs.

    Raises:
        InputError: if it cannot be read, or lacks a tower.
    """

    def __init__(self, weights: str | Path, device: torch.device | str = "cpu") -> None:
        self._embed = ClipEmbedder(weights, device)

    def __call__(self, frames: Tensor, text: str) -> Tensor:
        """Return 100 times the cosine (n,) between frames (n, 3, H, W) in [0, 1] and a text."""
        pixels = (255 * frames).round().byte().movedim(1, -1).cpu().numpy()
        return 100 * (self._embed.images(pixels) * self._embed.texts([text])).sum(dim=-1)


def text_of(clip: Clip) -> str:
    """Return the text of a clip, or its class where it has none.

    Raises:
        InputError: if it has neither.
    """
    if not (text := clip.text() or clip.label):
        raise InputError(f"{clip.name}: has no text and no class; a list can name them")
    return text
