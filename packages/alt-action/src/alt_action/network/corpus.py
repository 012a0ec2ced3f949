"""The entities as the network knows them: texts that are embedded once, and a digest of texts and vectors."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from visioncore.errors import InputError

from .config import PLACE

Encode = Callable[[Sequence[str]], Tensor]
"""From n texts to (n, D) vectors, of any length."""


class Entities(Protocol):
    """Entries of a corpus in their order."""

    @property
    def units(self) -> Sequence[str]:
        """Names of the entries, such as ``barbell``, all different."""

    @property
    def texts(self) -> Sequence[str]:
        """A text for each entry, which is embedded: ``unit: description``, or the unit alone."""


def corpus_digest(units: Sequence[str], vectors: Tensor) -> str:
    """Return 16 letters that follow from the names (M) and vectors (M, D) of the entries alone, in float32."""
    digest = hashlib.sha256(json.dumps(list(units)).encode())
    digest.update(vectors.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def embed(encode: Encode, texts: Sequence[str]) -> Tensor:
    """Return vectors (n, D) of length 1, on the CPU.

    Raises:
        InputError: if there is no text, or a vector has no direction.
    """
    if not texts:
        raise InputError("there is no text to embed; at least one is needed")
    with torch.no_grad():
        vectors = encode(texts).cpu().float()
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise InputError(f"the text encoder returned {tuple(vectors.shape)} for {len(texts)} texts")
    lengths = vectors.norm(dim=-1)
    if not bool((lengths > 0).all() and lengths.isfinite().all()):
        worst = int((~((lengths > 0) & lengths.isfinite())).nonzero()[0])
        raise InputError(f"{texts[worst]!r}: the text encoder returned a vector without a direction")
    return F.normalize(vectors, dim=-1)


def label_text(label: str) -> str:
    """Return a label as plain words in small letters.

    ``ApplyEyeMakeup`` becomes ``apply eye makeup``, ``brush_hair`` becomes ``brush hair``, and brackets around
    ``[something]`` are dropped.
    """
    words = re.sub(r"[\[\]]", "", label).replace("_", " ").split()
    if len(words) == 1:
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", words[0]).split()
    return " ".join(words).lower()


def embed_labels(encode: Encode, labels: Sequence[str], templates: Sequence[str]) -> Tensor:
    """Return vectors (C, D) of length 1: for each label in plain words, the normalised mean over the templates' own."""
    texts = list(map(label_text, labels))
    each = [embed(encode, [template.replace(PLACE, text) for text in texts]) for template in templates]
    return F.normalize(torch.stack(each).mean(dim=0), dim=-1)
