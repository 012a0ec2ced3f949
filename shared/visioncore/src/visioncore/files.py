"""Files in and out: inputs named by file, folder or glob; outputs written whole or not at all."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError


def natural_key(path: Path | str) -> list[tuple[int, int | str]]:
    """Return a sort key that puts ``img2`` before ``img10``."""
    parts = re.split(r"(\d+)", str(path).lower())
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]


def expand_inputs(inputs: Iterable[str | Path], suffixes: Iterable[str]) -> list[Path]:
    """Return the files that ``inputs`` name, in the order given, each once.

    Args:
        inputs: files, folders (searched to any depth, hidden files and folders aside) and glob patterns (``**``
            allowed).
        suffixes: what counts as a file of the wanted kind inside a folder, with the dot and in lower case. A file
            that is named outright is taken whatever its suffix.

    Raises:
        InputError: if an input does not exist, matches nothing, or is a folder without a file of the wanted kind.
    """
    wanted = tuple(suffixes)
    found: dict[Path, None] = {}
    for entry in inputs:
        path = Path(entry)
        if path.is_dir():
            files = _inside(path, wanted)
            if not files:
                raise InputError(f"{path}: no file with suffix {', '.join(wanted)} in this folder")
        elif path.exists():
            files = [path]
        elif glob.has_magic(str(entry)):
            matches = [Path(match) for match in glob.glob(str(entry), recursive=True)]  # noqa: PTH207 (absolute patterns too)
            files = sorted((m for m in matches if m.is_file() and m.suffix.lower() in wanted), key=natural_key)
            if not files:
                raise InputError(f"{entry}: the pattern matches no file with suffix {', '.join(wanted)}")
        else:
            raise InputError(f"{path}: no such file or folder")
        found.update(dict.fromkeys(files))
    return list(found)


def _inside(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    # hidden: what macOS and unfinished writes leave beside images under their suffixes
    files = (
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
    return sorted(files, key=natural_key)


def duplicates(files: Iterable[Path], others: Iterable[Path] | None = None) -> list[list[Path]]:
    """Return the groups of files with equal content: among ``files``, or with members in both ``files`` and ``others``.

    A path that is named more than once counts once; but one that ``files`` and ``others`` share is a group by itself.
    """
    mine, theirs = dict.fromkeys(files), dict.fromkeys(others or ())
    by_size: defaultdict[int, list[Path]] = defaultdict(list)
    for path in {**mine, **theirs}:
        by_size[path.stat().st_size].append(path)
    groups: list[list[Path]] = []
    for alike in by_size.values():
        by_content: defaultdict[str, list[Path]] = defaultdict(list)
        # only files of one length are read: few
        for path in alike:
            by_content["" if len(alike) == 1 else hashlib.sha256(path.read_bytes()).hexdigest()].append(path)
        groups += by_content.values()
    if others is None:
        return [group for group in groups if len(group) > 1]
    return [group for group in groups if any(path in mine for path in group) and any(path in theirs for path in group)]


def writable_folder(folder: str | Path) -> Path:
    """Make ``folder`` with its parents, check that a file can be written in it, and return it.

    Raises:
        InputError: if it is a file, cannot be made, or refuses a new file.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{folder}: cannot write in this folder ({error.strerror}); name another one") from error
    return folder


def first_bytes(path: Path, number: int) -> bytes:
    """Return the first ``number`` bytes of a file, or all there are.

    Raises:
        InputError: if it is empty or cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(number)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if not start:
        raise InputError(f"{path}: the file is empty")
    return start


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
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
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
    temporary = (folder if folder.is_dir() else folder.parent) / f".{folder.name}.{os.getpid()}.partial"
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
    """Write ``text`` to ``path`` in UTF-8, whole or not at all; folders are made as needed."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


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
