"""Where weights come from: what is bundled, what was saved, the Hub, and CLIP's own files."""

from __future__ import annotations

from pathlib import Path

from visioncore.weights import loading, places
from visioncore.weights.places import WEIGHTS_FILE

from ..method import METHOD
from .model import ALT
from .published import is_clip


def load_model(weights: str | Path, *, clip: str | Path | None = None) -> ALT:
    """Return a model in evaluation mode, on the CPU, from any source of weights.

    Args:
        weights: ``demo`` for the bundled network; a folder, file or hub id that `ALT.from_pretrained` takes; or
            CLIP's own, a file or a name that `find_clip` takes, which is then averaged over the frames.
        clip: CLIP's weights, see `ALT.from_clip`, for an adapter that was saved alone; default: those that it names.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    path = Path(weights)
    if is_clip(weights):
        published: ALT = loading.load_model(METHOD, weights) if path.is_file() else ALT.from_published(weights)
        return published
    if clip is not None and (places.holds_weights(path) or str(weights) not in places.bundled_names(METHOD)):
        return ALT.from_pretrained(path.parent if path.name == WEIGHTS_FILE else weights, clip=clip)
    model: ALT = loading.load_model(METHOD, weights)
    return model
