"""Where weights come from: what is bundled, what was saved, the Hub, and CLIP's own files."""

from __future__ import annotations

from pathlib import Path

from visioncore.weights import loading

from ..method import METHOD
from .model import ALT


def load_model(weights: str | Path, *, clip: str | Path | None = None) -> ALT:
    """Return a model in evaluation mode, on the CPU, from any source of weights.

    Args:
        weights: ``demo`` for the bundled network; a folder, file or hub id that `ALT.from_pretrained` takes; or a file
            of CLIP, which is then averaged over the frames.
        clip: CLIP's weights, see `ALT.from_clip`, for an adapter that was saved alone; default: those that it names.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    if clip is not None:
        return ALT.from_pretrained(weights, clip=clip)
    model: ALT = loading.load_model(METHOD, weights)
    return model
