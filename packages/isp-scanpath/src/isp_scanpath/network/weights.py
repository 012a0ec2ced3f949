"""Where weights come from: what was saved, the Hub, and the authors."""

from __future__ import annotations

from pathlib import Path

from visioncore.weights import loading

from ..method import METHOD
from .base import ISP


def load_model(weights: str | Path) -> ISP:
    """Return either network in evaluation mode, on the CPU, from any source of weights.

    Args:
        weights: a checkpoint of the authors, or a folder, file or hub id that `ISP.from_pretrained` takes.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    model: ISP = loading.load_model(METHOD, weights)
    return model


def load_published(path: str | Path) -> ISP:
    """Return the network of an authors' checkpoint; which of the two it is, and for which data set, shows in it.

    Raises:
        InputError: as `ISP.from_published`.
    """
    return ISP.from_published(path)
