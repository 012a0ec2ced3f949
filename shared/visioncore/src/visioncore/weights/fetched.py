"""The authors' files that were fetched: where they lie, and how they are found by their names."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import InputError
from ..methods import Checkpoint, Method

VARIABLE = "VISIONCORE_CACHE"
"""Names the folder in which fetched files lie, if it is another than usual."""


def cache_folder() -> Path:
    """Return the folder for fetched files: that of ``VISIONCORE_CACHE``, or the user's folder for caches."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "visioncore"


def folder_of(method: Method, checkpoint: Checkpoint) -> Path:
    """Return the folder in which a checkpoint lies once it is fetched."""
    return cache_folder() / "weights" / method.name / checkpoint.name


def file_name(checkpoint: Checkpoint) -> str:
    """Return the name of the file itself: that in its address, or one made of its name here."""
    name = Path(checkpoint.inside or urlsplit(checkpoint.address).path).name
    return name if Path(name).suffix else f"{checkpoint.name}.pth"


def place_of(method: Method, checkpoint: Checkpoint) -> Path | None:
    """Return the folder of a fetched network, or the file of a fetched backbone; None if it is not there."""
    folder = folder_of(method, checkpoint)
    place, whole = (folder / file_name(checkpoint),) * 2 if checkpoint.reads else (folder, folder / "config.json")
    return place if whole.is_file() else None


def find_checkpoint(method: Method, name: str) -> Checkpoint | None:
    """Return the checkpoint of a name; None if there is none."""
    return next((checkpoint for checkpoint in method.checkpoints if checkpoint.name == name), None)


def fetched_network(method: Method, name: str) -> Path | None:
    """Return the folder of the network that a name stands for, or the file of a backbone that is a network alone.

    None if it is no name of a checkpoint.

    Args:
        method: whose checkpoint it may be.
        name: what was given as weights.

    Raises:
        InputError: if it is not fetched yet, where the text is the command that fetches it, or is no network.
    """
    return _fetched(method, name, backbone=False)


def backbone_file(method: Method, path: str | Path) -> Path:
    """Return the file of the backbone that a name stands for; a path that is no name comes back as it is.

    A file of that name comes first.

    Args:
        method: whose backbone it may be.
        path: what was given as a backbone.

    Raises:
        InputError: if it is not fetched yet, where the text is the command that fetches it, or is no backbone.
    """
    if Path(path).is_file():
        return Path(path)
    return _fetched(method, str(path), backbone=True) or Path(path)


def _fetched(method: Method, name: str, backbone: bool) -> Path | None:
    checkpoint = find_checkpoint(method, name)
    if checkpoint is None:
        return None
    if bool(checkpoint.reads) != backbone and not checkpoint.alone:
        raise InputError(f"{name}: {checkpoint.what}; it is given as --{checkpoint.option}")
    return require_place(method, checkpoint)


def require_place(method: Method, checkpoint: Checkpoint) -> Path:
    """Return where a fetched checkpoint lies, as `place_of`.

    Raises:
        InputError: if it is not fetched yet; the text is the command that fetches it.
    """
    place = place_of(method, checkpoint)
    if place is None:
        raise InputError(f"{checkpoint.name}: not fetched yet; run: {method.name} weights get {checkpoint.name}")
    return place
