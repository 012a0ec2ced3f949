"""Facts that one look at each image told, kept between runs: decoding a large data set takes long."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import writable_folder, writing
from .hashing import perceptual_hash


class Lookable(Protocol):
    """Whatever a look can be had at, such as a `StoredImage`."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    def digest(self) -> str:
        """Return a name that follows from the content alone."""
        ...

    def pixels(self) -> NDArray[np.uint8]:
        """Return the image (H, W, 3)."""
        ...


@dataclass(frozen=True)
class Look:
    """Facts known of an image.

    Attributes:
        digest: of its content, see `StoredImage.digest`.
        side: pixels of its shorter side.
        hash: see `perceptual_hash`.
        fault: why it cannot be read; empty if it can.
    """

    digest: str
    side: int = 0
    hash: int = 0
    fault: str = ""


class Looks:
    """Looks at images, each content once.

    Args:
        path: a file that remembers those of earlier runs and gets the new ones; None for none.

    Raises:
        InputError: if the file cannot be read or written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._known: dict[str, Look] = {}
        if path is None:
            return
        writable_folder(path.parent)
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                # of a run that was killed the last line may be cut
                if line.endswith("}"):
                    look = Look(**json.loads(line))
                    self._known[look.digest] = look

    def __call__(self, item: Lookable) -> Look:
        """Return the facts known of an image."""
        try:
            digest = item.digest()
        except InputError as error:
            return Look("", fault=str(error))
        if digest not in self._known:
            try:
                pixels = item.pixels()
            except InputError as error:
                # not remembered: what decodes it may be installed by then
                return Look(digest, fault=str(error))
            self._known[digest] = Look(digest, min(pixels.shape[:2]), perceptual_hash(pixels))
            self._remember(self._known[digest])
        return self._known[digest]

    def _remember(self, look: Look) -> None:
        if self.path is None:
            return
        with writing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(look)) + "\n")
