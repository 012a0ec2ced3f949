"""Where weights come from: what is bundled, what was saved, and the Hub."""

from __future__ import annotations

from pathlib import Path

from visioncore.weights import loading

from ..method import METHOD
from .model import Injector


def load_model(weights: str | Path, clip: str | Path | None = None) -> Injector:
    """Return an injector in evaluation mode, on the CPU, from any source of weights.

    Args:
        weights: ``demo`` for the bundled injector, or a folder, file or hub id that `Injector.from_pretrained` takes.
        clip: weights of CLIP's image tower, which an injector for them needs to see elements.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    model: Injector = loading.load_model(METHOD, weights)
    return model if clip is None else model.use_clip(clip)
