"""Where weights come from: what is bundled, what was saved, the Hub, and the authors."""

from __future__ import annotations

from pathlib import Path

from visioncore.weights import loading

from ..method import METHOD
from .model import CSC


def load_model(weights: str | Path) -> CSC:
    """Return a model in evaluation mode, on the CPU, from any source of weights.

    Args:
        weights: ``demo`` for the bundled network, a checkpoint of the authors, or a folder, file or hub id that
            `CSC.from_pretrained` takes.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    return loading.load_model(METHOD, weights)
