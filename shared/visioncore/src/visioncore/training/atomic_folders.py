"""Folders that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn a write that the system refuses into one line.

    Raises:
        InputError: naming ``folder`` and the reason (disk full, no permission).
    """
    from safetensors import SafetensorError

    try:
        yield
    except OSError as error:
        raise InputError(f"{folder}: could not be written ({error.strerror or error})") from error
    except SafetensorError as error:
        raise InputError(f"{folder}: could not be written ({error})") from error
    except RuntimeError as error:
        # torch.save reports a full disk like this.
        if "PytorchStreamWriter" not in str(error) and "unexpected pos" not in str(error):
            raise
        raise InputError(f"{folder}: could not be written (disk full?)") from error


def put_in_place(finished: Path, folder: Path) -> None:
    """Give ``finished``, a folder beside ``folder``, its name; what stood there goes.

    Files are flushed to the disk first. A kill at any moment leaves the old folder or the new one, for
    :func:`recover` to find.
    """
    for path in [*(file for file in finished.rglob("*") if file.is_file()), finished]:
        _flush(path)
    if folder.exists():
        shutil.rmtree(_old(folder), ignore_errors=True)
        folder.rename(_old(folder))
    finished.rename(folder)
    _flush(folder.parent)
    shutil.rmtree(_old(folder), ignore_errors=True)


def partial(folder: Path) -> Path:
    """Return the name under which ``folder`` is written, cleared of an earlier attempt."""
    path = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(path, ignore_errors=True)
    return path


def remove(folder: Path) -> None:
    """Remove a folder so that no part of it is ever seen under its name."""
    if folder.exists():
        shutil.rmtree(_old(folder), ignore_errors=True)
        folder.rename(_old(folder))
    shutil.rmtree(_old(folder), ignore_errors=True)


def recover(parent: Path) -> None:
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
