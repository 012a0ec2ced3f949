"""Where weights come from: what is bundled, what was saved, the hub, and the authors."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from visioncore.weights.pretrained import CONFIG_FILE, WEIGHTS_FILE
from visioncore.weights.state_dicts import read_metadata

from .method import PACKAGE
from .network.model import CLIPDenoiser

DEMO = "demo"


def load_model(weights: str | Path, variant: str | None = None) -> CLIPDenoiser:
    """Return a model in evaluation mode, on the CPU, from whatever holds its weights.

    Args:
        weights: ``demo`` for the small bundled network, a folder, file or hub id that `CLIPDenoiser.from_pretrained`
            takes, or a checkpoint of the authors.
        variant: of a checkpoint of the authors, if its folder does not say: ``synthetic``, ``srgb`` or ``ldct``.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    path = Path(weights)
    if str(weights) == DEMO and not path.exists():
        return CLIPDenoiser.from_pretrained(Path(str(files(PACKAGE))) / "assets" / DEMO)
    if path.name == WEIGHTS_FILE and (path.parent / CONFIG_FILE).is_file():
        return CLIPDenoiser.from_pretrained(path.parent)
    if path.is_file() and not (path.suffix == ".safetensors" and "config" in read_metadata(path)):
        return CLIPDenoiser.from_published(path, variant)
    return CLIPDenoiser.from_pretrained(weights)


def convert(published: str | Path, out: str | Path, variant: str | None = None) -> CLIPDenoiser:
    """Turn a checkpoint of the authors into a folder with config.json and model.safetensors, and return the model.

    Args:
        published: their ``net_g_latest.pth``.
        out: the folder.
        variant: which network it is, if its folder does not say: ``synthetic``, ``srgb`` or ``ldct``.

    Raises:
        InputError: if the checkpoint cannot be read or does not fit, or ``out`` cannot be written.
    """
    model = CLIPDenoiser.from_published(published, variant)
    model.save_pretrained(out)
    return model
