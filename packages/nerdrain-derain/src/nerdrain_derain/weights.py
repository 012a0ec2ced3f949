"""Where weights come from: what is bundled, what was saved, the hub, and the authors."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from visioncore.weights.state_dicts import read_metadata

from .method import PACKAGE
from .network.model import NeRDRain


def load_model(weights: str | Path) -> NeRDRain:
    """Return a model in evaluation mode from whatever holds its weights.

    Args:
        weights: ``demo`` for the small bundled network, a folder, file or hub id that `NeRDRain.from_pretrained` takes,
            or a checkpoint of the authors.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    if weights == "demo":
        with as_file(files(PACKAGE) / "assets" / "demo") as folder:
            return NeRDRain.from_pretrained(folder)
    path = Path(weights)
    if path.name == "model.safetensors" and (path.parent / "config.json").is_file():
        return NeRDRain.from_pretrained(path.parent)
    if path.is_file() and not (path.suffix == ".safetensors" and "config" in read_metadata(path)):
        return NeRDRain.from_published(path)
    return NeRDRain.from_pretrained(weights)


def convert(published: str | Path, out: str | Path) -> NeRDRain:
    """Turn a checkpoint of the authors into a folder with config.json and model.safetensors, and return the model.

    Raises:
        InputError: if the checkpoint cannot be read or does not fit, or ``out`` cannot be written.
    """
    model = NeRDRain.from_published(published)
    model.save_pretrained(out)
    return model
