"""Volumes of two files: a header, and the voxels beside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from ..files import partial_path, writing


def write_both(header: Path, write: Callable[[Path], object]) -> None:
    """Write a header and its voxels; the header appears last, when all is written.

    Args:
        header: where it will be; its data get their place beside it.
        write: given a header in another folder, writes it and the data there.

    Raises:
        InputError: if the system refuses the write.
    """
    folder = partial_path(header)
    with writing(header):
        shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed and had this number
        folder.mkdir()
        try:
            write(folder / header.name)
            for part in sorted(folder.iterdir(), key=lambda part: part.name == header.name):
                part.replace(header.with_name(part.name))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
