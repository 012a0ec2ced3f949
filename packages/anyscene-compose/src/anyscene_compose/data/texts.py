"""Encoded captions, kept on disk, and which of their tokens name an element."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Protocol

import torch
from torch import Tensor

from visioncore.data.feature_cache import FeatureCache
from visioncore.data.memory import Memory


class Names(Protocol):
    """Finds words in a caption."""

    def __call__(self, caption: str, words: tuple[str, ...]) -> Tensor:
        """Return which tokens (L,) of a caption are of words; of words that it lacks, none."""


class Texts:
    """Encoded captions.

    Args:
        cache: where they are on disk.
        names: finds the tokens of words.
        cache_mb: how much memory they may take, in each loading process.
    """

    def __init__(self, cache: FeatureCache, names: Names, cache_mb: int = 0) -> None:
        self.cache, self.names = cache, names
        self._memory: Memory[dict[str, Tensor]] = Memory(cache_mb, lambda found: sum(x.nbytes for x in found.values()))

    @staticmethod
    def key(caption: str) -> str:
        """Return the key of a caption in the cache."""
        return hashlib.sha256(caption.encode("utf-8", "surrogateescape")).hexdigest()[:32]

    def missing(self, captions: Iterable[str]) -> list[str]:
        """Return the different captions that are not kept yet, and the empty one if it is not."""
        return [text for text in dict.fromkeys(("", *captions)) if not self.cache.has(self.key(text))]

    def keep(self, caption: str, encoded: Mapping[str, Tensor]) -> None:
        """Keep a caption's ``text`` (L, context), and for XL ``pooled`` (P,).

        Raises:
            InputError: if it cannot be written.
        """
        self.cache.save(self.key(caption), encoded)

    def __call__(self, caption: str) -> dict[str, Tensor]:
        """Return the part of a caption that is kept.

        Raises:
            InputError: if it is not there, or damaged.
        """
        return self._memory(caption, lambda: self.cache.load(self.key(caption)))

    def named(self, caption: str, words: Iterable[tuple[str, ...]]) -> Tensor:
        """Return which tokens of a caption name each of several elements, (E, L); none of the empty caption."""
        return torch.stack([self.names(caption, each if caption else ()) for each in words])
