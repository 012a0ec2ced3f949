"""Where weights come from: what is bundled, what was saved, the Hub, and the authors' and SAM's files."""

from __future__ import annotations

from pathlib import Path

from visioncore.weights import loading

from ..method import METHOD
from .model import HSAM


def load_model(weights: str | Path, *, sam: str | Path | None = None) -> HSAM:
    """Return a network with its weights, on the CPU and in eval mode.

    Args:
        weights: ``demo`` for the small bundled network, a folder, file or hub id that `HSAM.from_pretrained` takes, or
            an adapter of the authors.
        sam: SAM's own checkpoint, which an adapter of the authors needs beside it.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    return loading.load_model(METHOD, weights, sam=sam)
