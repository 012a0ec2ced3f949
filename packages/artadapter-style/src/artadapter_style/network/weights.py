"""Where weights come from: what is bundled, what was saved, and the Hub."""

from __future__ import annotations

from pathlib import Path

from visioncore.weights import loading

from ..method import METHOD
from .model import ArtAdapter


def load_model(weights: str | Path) -> ArtAdapter:
    """Return an adapter in evaluation mode, on the CPU, from any source of weights.

    Args:
        weights: ``demo`` for the bundled adapter, or a folder, file or hub id that `ArtAdapter.from_pretrained` takes.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    model: ArtAdapter = loading.load_model(METHOD, weights)
    return model
