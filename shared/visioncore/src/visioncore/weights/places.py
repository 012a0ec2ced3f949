"""Where the weights lie that a command was given, found without torch; and the digests of their files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

from ..methods import Method
from .fetched import find_checkpoint, place_of

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
DEMO = "demo"
"""Name of the bundled weights that every method has; further ones that are of no use but to try are ``demo-*``."""
SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".tar", ".onnx", ".pkl")
"""Of files that hold weights."""
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
"""``owner/name`` on the Hugging Face Hub."""


def assets_of(method: Method) -> Traversable:
    """Return the folder of what a method bundles."""
    return files(method.module) / "assets"


def bundled_names(method: Method) -> list[str]:
    """Return the names of the weights that a method bundles: ``demo`` first."""
    assets = assets_of(method)
    names = {each.name for each in assets.iterdir() if (each / CONFIG_FILE).is_file()} if assets.is_dir() else set()
    return [DEMO, *sorted(names - {DEMO})]


def holds_weights(path: Path) -> bool:
    """Return whether a path is a file, or a folder that ``save_pretrained`` wrote."""
    return path.is_file() or (path / CONFIG_FILE).is_file()


@contextmanager
def place_of_weights(method: Method, given: str | Path, option: str = "weights") -> Iterator[Path | None]:
    """Yield the folder or file that weights were read from; None if they are not on this machine, or are no weights.

    Args:
        method: whose command was given them.
        given: its value: what is bundled or fetched, by its name; a folder, a file, or an id on the Hub.
        option: its name; of others than ``weights``, ``demo`` means the folder of that name among what is bundled.
    """
    path = Path(given)
    if (option == "weights" and holds_weights(path)) or (option != "weights" and path.exists()):
        yield path
        return
    bundled = str(given) if option == "weights" else option if str(given) == DEMO else ""
    if bundled and (assets_of(method) / bundled).is_dir() and len(Path(bundled).parts) == 1:
        with as_file(assets_of(method) / bundled) as folder:
            yield folder
        return
    checkpoint = find_checkpoint(method, str(given))
    yield (
        place_of(method, checkpoint)
        if checkpoint is not None
        else _from_hub(str(given))
        if option == "weights"
        else None
    )


def weight_files(place: Path) -> list[Path]:
    """Return the files of weights and settings at a place, sorted: a file itself, or all below a folder."""
    if place.is_file():
        beside = place.parent / CONFIG_FILE
        return [beside, place] if place.name == WEIGHTS_FILE and beside.is_file() else [place]
    if (place / CONFIG_FILE).is_file() and (place / WEIGHTS_FILE).is_file():
        return [place / CONFIG_FILE, place / WEIGHTS_FILE]
    return sorted(file for file in place.rglob("*") if file.is_file() and file.suffix.lower() in SUFFIXES)


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digests_of(place: Path, *, settings: bool = True) -> dict[str, str]:
    """Return the SHA-256 of each of `weight_files`, by where it lies below the place, or by its name.

    Args:
        place: a folder or file.
        settings: with config.json.
    """
    root = place if place.is_dir() else place.parent
    files = [file for file in weight_files(place) if settings or file.name != CONFIG_FILE]
    return {file.relative_to(root).as_posix(): digest_of_file(file) for file in files}


def _from_hub(given: str) -> Path | None:
    """Return the folder of a repository in the Hub's cache, where loading has left it."""
    if not HUB_ID.fullmatch(given):
        return None
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(given, local_files_only=True, allow_patterns=[CONFIG_FILE, WEIGHTS_FILE]))
    except Exception:  # the client's errors share no base class
        return None
