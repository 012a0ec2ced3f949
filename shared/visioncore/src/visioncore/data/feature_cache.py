"""Outputs of frozen networks for an image, kept on disk under a name that follows from the image's content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ..errors import damage
from ..files import atomic_path, writable_folder
from ..report import write_json

ABOUT = "made_with.json"


class FeatureCache:
    """A folder with one file for each image, in a folder of its own for each way to make them.

    A file is there whole or not at all, so that making them can be broken off and go on; an image that is renamed or
    moved keeps its own, and one that is changed gets another.

    Args:
        folder: made if it is not there.
        made_with: all that they depend on beside the image: networks, by their fingerprints, and sizes.

    Raises:
        InputError: if it cannot be written in.
    """

    def __init__(self, folder: str | Path, made_with: Mapping[str, object]) -> None:
        text = json.dumps(made_with, sort_keys=True)
        self.folder = writable_folder(Path(folder) / hashlib.sha256(text.encode()).hexdigest()[:16])
        if not (self.folder / ABOUT).exists():
            write_json(self.folder / ABOUT, made_with)

    def path(self, key: str) -> Path:
        """Return the file under a key."""
        return self.folder / key[:2] / f"{key}.safetensors"

    def has(self, key: str) -> bool:
        """Return whether there is something under a key."""
        return self.path(key).exists()

    def save(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Keep tensors under a key, whole or not at all.

        Raises:
            InputError: if they cannot be written.
        """
        from safetensors.torch import save_file

        path = self.path(key)
        path.parent.mkdir(exist_ok=True)
        with atomic_path(path) as temporary:
            save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary)

    def load(self, key: str) -> dict[str, Tensor]:
        """Return the tensors under a key.

        Raises:
            InputError: if they are not there, or damaged.
        """
        from safetensors.torch import load_file

        with damage(self.path(key), "the file is damaged", "; remove it and it is made anew"):
            return load_file(self.path(key))
