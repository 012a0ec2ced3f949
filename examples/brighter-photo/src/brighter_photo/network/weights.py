"""Loading weights: the bundled demo, a saved folder, the hub, or the authors' files."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from visioncore.weights.state_dicts import read_metadata

from ..method import PACKAGE
from .model import Brighter


def load_model(weights: str | Path) -> Brighter:
    """Return a network in evaluation mode from whatever holds its weights.

    Args:
        weights: ``demo`` for the bundled network, a folder, file or hub id that
            `Brighter.from_pretrained` takes, or a checkpoint of the authors.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    if weights == "demo":
        with as_file(files(PACKAGE) / "assets" / "demo") as folder:
            return Brighter.from_pretrained(folder)
    path = Path(weights)
    if path.is_file() and not (path.suffix == ".safetensors" and "config" in read_metadata(path)):
        return Brighter.from_published(path)
    return Brighter.from_pretrained(weights)
