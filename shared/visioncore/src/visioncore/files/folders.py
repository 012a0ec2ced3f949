"""Folders that are replaced as a whole, and found again after a kill."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def replace_folder(folder: Path, finished: Path) -> None:
    """Put ``finished``, a folder beside ``folder``, in its place; what stood there is removed.

    Files are flushed to the disk first. A kill at any moment leaves the old folder or the new one, for
    `recover_folders` to find.
    """
    for path in [*(file for file in finished.rglob("*") if file.is_file()), finished]:
        _flush(path)
    if folder.exists():
        shutil.rmtree(_old(folder), ignore_errors=True)
        folder.rename(_old(folder))
    finished.rename(folder)
    _flush(folder.parent)
    shutil.rmtree(_old(folder), ignore_errors=True)


def partial_folder(folder: Path) -> Path:
    """Return the name under which ``folder`` is written before `replace_folder` puts it in its place."""
    return folder.with_name(f".{folder.name}.partial")


def remove_folder(folder: Path) -> None:
    """Remove a folder so that no part of it is ever seen under its name."""
    if folder.exists():
        shutil.rmtree(_old(folder), ignore_errors=True)
        folder.rename(_old(folder))
    shutil.rmtree(_old(folder), ignore_errors=True)


def recover_folders(parent: Path) -> None:
    """Clear ``parent`` of what a killed write left: a replaced folder whose successor is missing comes back."""
    for path in parent.glob(".*.old"):
        folder = parent / path.name.removeprefix(".").removesuffix(".old")
        if folder.exists():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.rename(folder)
    for path in parent.glob(".*.partial"):
        shutil.rmtree(path, ignore_errors=True)


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _flush(path: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
