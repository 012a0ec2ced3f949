"""Volumes of two files: a header, and the voxels beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from ..files import writing


def write_both(header: Path, write: Callable[[Path], object]) -> None:
    """Write a header and its voxels; the header appears last, when all is written.

    Args:
        header: where it will be; its data get their place beside it.
        write: given a header in another folder, writes it and the data there.

    Raises:
        InputError: if the system refuses the write.
    """
    with writing(header), tempfile.TemporaryDirectory(dir=header.parent, prefix=".") as folder:
        write(Path(folder, header.name))
        for part in sorted(Path(folder).iterdir(), key=lambda part: part.name == header.name):
            part.replace(header.with_name(part.name))
