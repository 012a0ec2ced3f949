"""Where weights come from: the bundled demo network, a folder, the Hub, or the authors' files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

from visioncore.errors import InputError
from visioncore.weights.state_dicts import read_metadata

from .method import PACKAGE
from .network.config import Preprocessing
from .network.model import HSAM


def load_model(weights: str | Path, *, sam: str | Path | None = None) -> HSAM:
    """Return a network with its weights, on the CPU and in eval mode.

    Args:
        weights: ``demo`` for the small bundled network, a folder, file or hub id that `HSAM.from_pretrained` takes, or
            an adapter of the authors.
        sam: SAM's own checkpoint, which an adapter of the authors needs beside it.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    if weights == "demo":
        with as_file(files(PACKAGE) / "assets" / "demo") as folder:
            return HSAM.from_pretrained(folder)
    path = Path(weights)
    if path.name == "model.safetensors" and (path.parent / "config.json").is_file():
        return HSAM.from_pretrained(path.parent)
    if path.is_file() and not (path.suffix == ".safetensors" and "config" in read_metadata(path)):
        return HSAM.from_published(path, sam=sam)
    return HSAM.from_pretrained(weights)


def convert(
    published: str | Path,
    sam: str | Path,
    out: str | Path,
    *,
    classes: Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
) -> HSAM:
    """Turn an adapter of the authors and SAM's file into a folder for `HSAM.from_pretrained`, and return the network.

    Args:
        published: the adapter.
        sam: SAM's own checkpoint of the same backbone.
        out: folder for config.json and model.safetensors.
        classes: what its classes are called, if they are not those of Synapse.
        preprocessing: what the weights expect of volumes, if that is not what the authors do for Synapse.

    Raises:
        InputError: if a file is missing or of something else, there are more or fewer ``classes`` than in it, or
            ``out`` cannot be written.
    """
    model = HSAM.from_published(published, sam=sam)
    if classes is not None:
        if len(classes) != len(model.config.classes):
            raise InputError(
                f"{published}: has {len(model.config.classes)} classes, background not counted; named are "
                f"{len(classes)}: {', '.join(classes)}"
            )
        model.config = replace(model.config, classes=tuple(classes))
    if preprocessing is not None:
        model.config = replace(model.config, preprocessing=preprocessing)
    model.save_pretrained(out)
    return model
