"""Texts -> vectors, by the text tower that belongs to the image tower; needed when labels or the corpus change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from visioncore.backbones.clip_tokens import clip_tokens
from visioncore.backbones.clip_transformer import Activation, CLIPText, CLIPViTConfig
from visioncore.errors import InputError

from .published import find_clip


class CLIPTextEncoder:
    """Makes vectors of texts.

    Args:
        tower: CLIP's text tower; on its device the texts are embedded.
        batch: texts at a time.
    """

    def __init__(self, tower: CLIPText, batch: int = 128) -> None:
        self.tower, self.batch = tower, batch

    @classmethod
    def from_clip(cls, clip: str | Path, activation: Activation | None = None, *, beside: object = None) -> Self:
        """Return the text tower of a CLIP.

        Args:
            clip: given as for `ALT.from_clip`.
            activation: for a file that does not say which it has.
            beside: settings of the image tower that the texts are compared with.

        Raises:
            InputError: as `find_clip`, or if it belongs to another image tower.
        """
        weights = find_clip(clip)
        if isinstance(beside, CLIPViTConfig):
            tower = weights.vit(None, activation).config
            own, wanted = ((each.patch, each.width, each.embed_dim) for each in (tower, beside))
            if own != wanted:
                told = "another CLIP, with patches of {} pixels, width {} and vectors of length {}".format(*own)
                raise InputError("{}: {}; the network has {}, {} and {}".format(clip, told, *wanted))
        return cls(weights.text_tower(activation))

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Return vectors (n, D), not normalised, of n texts; a long text is cut after 77 tokens.

        Raises:
            InputError: if open_clip, which has the tokenizer, is missing.
        """
        ids = clip_tokens(texts, self.tower.config.context).to(self.tower.text_projection.device)
        return torch.cat([self.tower(part) for part in ids.split(self.batch)])
