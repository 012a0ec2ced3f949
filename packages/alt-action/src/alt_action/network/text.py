"""Texts -> vectors, by the text tower that belongs to the image tower; needed when labels or the corpus change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from visioncore.backbones.clip_files import CLIPWeights
from visioncore.backbones.clip_tokens import clip_tokens
from visioncore.backbones.clip_transformer import Activation, CLIPText, CLIPViTConfig
from visioncore.errors import InputError

from .config import ALTConfig
from .published import find_clip, tower_digest


class CLIPTextEncoder:
    """Makes vectors of texts.

    Args:
        tower: CLIP's text tower; on its device the texts are embedded.
        digest: of the tower's tensors (`tower_digest`); empty where unknown.
        batch: texts at a time.
    """

    def __init__(self, tower: CLIPText, digest: str = "", batch: int = 128) -> None:
        self.tower, self.digest, self.batch = tower, digest, batch

    @classmethod
    def of(cls, weights: CLIPWeights, activation: Activation | None = None) -> Self:
        """Return the text tower of weights that were read.

        Raises:
            InputError: if they have none.
        """
        return cls(weights.text_tower(activation), tower_digest(weights.text))

    @classmethod
    def from_clip(cls, clip: str | Path, beside: ALTConfig | None = None) -> Self:
        """Return the text tower of a CLIP.

        Args:
            clip: given as for `ALT.from_clip`.
            beside: settings of the network whose vectors the texts are compared with.

        Raises:
            InputError: as `find_clip`, or if it belongs to another image tower, or has not made the vectors of texts
                that the network has.
        """
        weights, activation = find_clip(clip), None
        if beside is not None and isinstance(beside.tower, CLIPViTConfig):
            activation = None if weights.activation else beside.tower.activation
            tower = weights.vit(None, activation).config
            own, wanted = ((each.patch, each.width, each.embed_dim) for each in (tower, beside.tower))
            if own != wanted:
                told = "another CLIP, with patches of {} pixels, width {} and vectors of length {}".format(*own)
                raise InputError("{}: {}; the network has {}, {} and {}".format(clip, told, *wanted))
        encoder = cls.of(weights, activation)
        if beside is not None and beside.text_digest not in ("", encoder.digest):
            raise InputError(
                f"{clip}: another text tower than the network's, though of the same shape; give the CLIP that the "
                "network was made from"
            )
        return encoder

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Return vectors (n, D), not normalised, of n texts; a long text is cut after 77 tokens.

        Raises:
            InputError: if open_clip, which has the tokenizer, is missing.
        """
        ids = clip_tokens(texts, self.tower.config.context).to(self.tower.text_projection.device)
        return torch.cat([self.tower(part) for part in ids.split(self.batch)])
