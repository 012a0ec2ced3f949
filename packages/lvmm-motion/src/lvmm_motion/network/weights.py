"""Where weights come from: what is bundled, what was saved, the Hub, and published checkpoints."""

from __future__ import annotations

from pathlib import Path

from visioncore.weights import loading

from ..method import METHOD
from .base import LVMM


def load_model(weights: str | Path) -> LVMM:
    """Return a network in evaluation mode, on the CPU, from any source of weights.

    Args:
        weights: ``demo`` for the bundled ones, a published checkpoint, or a folder, file or hub id that
            `LVMM.from_pretrained` takes.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    model: LVMM = loading.load_model(METHOD, weights)
    return model


def load_published(path: str | Path) -> LVMM:
    """Return the network of a published checkpoint of LVMM, LFDM or MRAA; which of the networks it is shows in it.

    Raises:
        InputError: as `LVMM.from_published`.
    """
    return LVMM.from_published(path)
