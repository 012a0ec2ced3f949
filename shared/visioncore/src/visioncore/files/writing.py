"""Outputs that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError, escaped
from .partial import partial_path


def writable_folder(folder: str | Path) -> Path:
    """Make ``folder`` with its parents, check that a file can be written in it, and return it.

    Raises:
        InputError: if it is a file, cannot be made, or refuses a new file.
    """
    if not str(folder):
        raise InputError("the name of a folder for results is empty; name one (. for this one)")
    folder = Path(folder)
    check_writable(folder)  # of a file, mkdir says only that it exists
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{folder}: cannot write in this folder ({error.strerror}); name another one") from error
    return folder


def check_writable(folder: Path) -> None:
    """Check that ``folder`` can be made or written in, as far as this shows without making it.

    Raises:
        InputError: as `writable_folder`.
    """
    if "\0" in str(folder):
        raise InputError(f"{folder}: a name cannot hold this character")
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists() or place.is_symlink())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise InputError(f"{folder}: cannot write in this folder ({error.strerror}); name another one") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a write that the system refuses into one line.

    Raises:
        InputError: naming ``path`` and the reason (disk full, no permission).
    """
    from safetensors import SafetensorError

    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: could not be written ({error.strerror or error})") from error
    except SafetensorError as error:
        raise InputError(f"{path}: could not be written ({error})") from error
    except RuntimeError as error:
        # torch.save reports a full disk like this.
        if "PytorchStreamWriter" not in str(error) and "unexpected pos" not in str(error):
            raise
        raise InputError(f"{path}: could not be written (disk full?)") from error


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its name when the block ends without an error.

    The temporary name keeps the suffix, so that writers which go by it work. After an error the temporary file is
    removed and whatever stood at ``path`` is still there.

    Raises:
        InputError: if the system refuses the write (disk full, no permission), with its reason.
    """
    path = Path(path)
    temporary = partial_path(path)
    with writing(path):
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder whose files appear in ``folder`` when the block ends without an error.

    A new folder appears with all of them in it; in one that is there already they take their places one after the
    other, and other files stay.

    Raises:
        InputError: if the system refuses the write, with its reason.
    """
    # Inside a folder that is there already, which may be a disk of its own; else beside where it will be.
    temporary = (folder if folder.is_dir() else folder.parent) / partial_path(folder).name
    with writing(folder):
        try:
            shutil.rmtree(temporary, ignore_errors=True)  # of a process that was killed and had this number
            temporary.mkdir(parents=True)
            yield temporary
            if folder.exists():
                for file in temporary.iterdir():
                    file.replace(folder / file.name)
            else:
                temporary.rename(folder)
        except InputError as error:
            raise InputError(str(error).replace(str(temporary), str(folder))) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8, whole or not at all; folders are made as needed.

    Bytes of file names that are no UTF-8 are written as ``\\xe9``.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(escaped(text), encoding="utf-8")
