"""Where weights come from: what is bundled, what was saved, the Hub, and the authors."""

from __future__ import annotations

from pathlib import Path

from visioncore.weights import loading

from ..method import METHOD
from .model import CLIPDenoiser


def load_model(weights: str | Path, variant: str | None = None) -> CLIPDenoiser:
    """Return a model in evaluation mode, on the CPU, from any source of weights.

    Args:
        weights: ``demo`` for the small bundled network, a folder, file or hub id that `CLIPDenoiser.from_pretrained`
            takes, or a checkpoint of the authors.
        variant: of a checkpoint of the authors, if its folder does not say: ``synthetic``, ``srgb`` or ``ldct``.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    return loading.load_model(METHOD, weights, variant=variant)
