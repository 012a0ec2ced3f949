"""Captions as token numbers, made once for a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from visioncore.data.feature_cache import FeatureCache
from visioncore.errors import some

from ..network.prompts import fit_ids


class Texts:
    """The token numbers of captions, with and without places for style tokens.

    Args:
        plain: (N + 1, context) of captions without style; the last row is of the empty text.
        styled: (N + 1, context - style tokens) of captions in front of which style stands.
        cut: captions that were cut for lack of places.
    """

    def __init__(self, plain: Tensor, styled: Tensor, cut: Sequence[str] = ()) -> None:
        self.plain, self.styled, self.cut = plain, styled, tuple(cut)

    @classmethod
    def of(cls, captions: Sequence[str], tokenizer: Any, style_tokens: int, cache: FeatureCache) -> Texts:
        """Return the token numbers of captions, kept in a cache under what the captions are.

        Args:
            captions: of the data set.
            tokenizer: of the base.
            style_tokens: how many there are.
            cache: made with this tokeniser and this number.
        """
        key = hashlib.sha256("\0".join(captions).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        if cache.has(key):
            found = cache.load(key)
            return cls(found["plain"], found["styled"])
        different = list(dict.fromkeys([*captions, ""]))
        plain = torch.cat([fit_ids(tokenizer, text).ids for text in different])
        fitted = [fit_ids(tokenizer, text, style_tokens) for text in different]
        place = {text: row for row, text in enumerate(different)}
        rows = torch.tensor([place[text] for text in (*captions, "")])
        styled = torch.cat([each.ids for each in fitted])
        cache.save(key, {"plain": plain[rows].int(), "styled": styled[rows].int()})
        return cls(plain[rows], styled[rows], [text for text, each in zip(different, fitted, strict=True) if each.cut])

    def cut_line(self) -> str:
        """Return a line on captions that were cut; empty if none was."""
        return f"{len(self.cut)} captions are too long and are cut: {some(self.cut, 1)}" if self.cut else ""

    def ids(self, index: int, styled: bool) -> Tensor:
        """Return the token numbers of a caption, int64; -1 for the empty text."""
        row: Tensor = (self.styled if styled else self.plain)[index]
        return row.long()
