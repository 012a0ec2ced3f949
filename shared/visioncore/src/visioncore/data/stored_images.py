"""Images of a data set, in a file each or in shards."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, damage
from ..extras import require
from ..images import Image, eight_bit, from_pillow, on_white, read_image
from ..size_limit import check_pixels

IN_SHARDS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
"""Formats that are read out of shards, as Pillow names them."""


@dataclass(frozen=True)
class Span:
    """Place of an image inside a shard, in bytes."""

    start: int
    length: int


@dataclass(frozen=True)
class StoredImage:
    """One image of a data set; methods add to it what else they know of one.

    Attributes:
        name: for messages.
        path: its file, or the shard that it lies in.
        span: where in the shard it lies; None for a file of its own.
    """

    name: str
    path: Path
    span: Span | None = field(default=None, kw_only=True)

    def content(self) -> bytes:
        """Return the bytes of the image's file.

        Raises:
            InputError: if they cannot be read.
        """
        try:
            if self.span is None:
                return self.path.read_bytes()
            with self.path.open("rb") as file:
                file.seek(self.span.start)
                content = file.read(self.span.length)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read ({error.strerror})") from error
        if len(content) < self.span.length:
            raise InputError(f"{self.path}: the shard ends inside {self.name}; fetch it again")
        return content

    def digest(self) -> str:
        """Return a name of the image that follows from the content of its file alone."""
        return hashlib.sha256(self.content()).hexdigest()[:32]

    def image(self) -> Image:
        """Return the upright image, with its alpha.

        Raises:
            InputError: if it cannot be read.
        """
        return read_image(self.path) if self.span is None else _decoded(self.content(), self.path, self.name)

    def pixels(self) -> NDArray[np.uint8]:
        """Return the upright image (H, W, 3), RGB, on white where it was transparent.

        Raises:
            InputError: if it cannot be read.
        """
        return eight_bit(on_white(self.image()).pixels)


def _decoded(content: bytes, path: Path, name: str) -> Image:
    pillow = require("PIL.Image", "images")
    # of these formats alone: among all that Pillow guesses are some that start external programs
    with (
        damage(path, f"{name} in it is no image, truncated or damaged"),
        pillow.open(io.BytesIO(content), formats=IN_SHARDS) as file,
    ):
        check_pixels(path, *file.size)
        file.load()
        return from_pillow(file)
