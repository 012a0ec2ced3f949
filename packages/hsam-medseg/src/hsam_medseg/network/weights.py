"""Where weights come from: what is bundled, what was saved, the Hub, and the authors' and SAM's files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from visioncore.errors import InputError
from visioncore.weights import loading

from ..method import PACKAGE
from .config import Preprocessing
from .model import HSAM


def load_model(weights: str | Path, *, sam: str | Path | None = None) -> HSAM:
    """Return a network with its weights, on the CPU and in eval mode.

    Args:
        weights: ``demo`` for the small bundled network, a folder, file or hub id that `HSAM.from_pretrained` takes, or
            an adapter of the authors.
        sam: SAM's own checkpoint, which an adapter of the authors needs beside it.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    return loading.load_model(HSAM, PACKAGE, weights, sam=sam)


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
