"""Where weights come from: the bundled demo network, a folder, the Hub, or the authors' files."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from visioncore.errors import InputError
from visioncore.hub import CONFIG_FILE

from .config import HSAMConfig, Preprocessing
from .method import PACKAGE
from .model import HSAM

DEMO = "demo"


def load_model(weights: str | Path, *, sam: str | Path | None = None) -> HSAM:
    """Return a network with its weights, on the CPU and in eval mode.

    Args:
        weights: ``demo`` for the bundled ones, a folder or file that this package saved, a Hub id, or an adapter of the
            authors.
        sam: SAM's own checkpoint, which an adapter of the authors needs beside it.

    Raises:
        InputError: if there are no such weights, or they are of something else.
    """
    path = Path(weights)
    if str(weights) == DEMO and not path.exists():
        return HSAM.from_pretrained(Path(str(files(PACKAGE))) / "assets" / DEMO)
    if path.is_file() and path.suffix != ".safetensors":
        return HSAM.from_published(path, sam=sam)
    return HSAM.from_pretrained(weights)


def convert(
    published: str | Path, sam: str | Path, out: str | Path, *, preprocessing: Preprocessing | None = None
) -> HSAM:
    """Turn an adapter of the authors and SAM's file into a folder for `HSAM.from_pretrained`, and return the network.

    Args:
        published: the adapter.
        sam: SAM's own checkpoint of the same backbone.
        out: folder for config.json and model.safetensors.
        preprocessing: what the weights expect of volumes, if that is not what the authors do for Synapse.

    Raises:
        InputError: if a file is missing or of something else, or ``out`` cannot be written.
    """
    model = HSAM.from_published(published, sam=sam)
    if preprocessing is not None:
        model.config = replaced(model.config, preprocessing)
    model.save_pretrained(out)
    return model
