"""Where weights come from: what is bundled, what was saved, the Hub, and the authors."""

from __future__ import annotations

from pathlib import Path

from visioncore.weights import loading

from ..method import PACKAGE
from .model import GazeDPTR


def load_model(weights: str | Path) -> GazeDPTR:
    """Return a model in evaluation mode, on the CPU, from any source of weights.

    Args:
        weights: ``demo`` for the bundled network, a checkpoint of the authors, or a folder, file or hub id that
            `GazeDPTR.from_pretrained` takes.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    return loading.load_model(GazeDPTR, PACKAGE, weights)
