"""Files that inputs name: outright, by their folder, or by a glob pattern."""

from __future__ import annotations

import fnmatch
import glob
import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..errors import InputError


def natural_key(path: Path | str) -> list[tuple[int, int | str]]:
    """Return a sort key that puts ``img2`` before ``img10``."""
    parts = re.split(r"(\d+)", str(path).lower())
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def expand_inputs(inputs: Iterable[str | Path], suffixes: Iterable[str]) -> list[Path]:
    """Return the files that ``inputs`` name, in the order given, each once.

    Args:
        inputs: files, folders (searched to any depth, through links too, hidden files and folders aside) and glob
            patterns (``**`` allowed).
        suffixes: what counts as a file of the wanted kind inside a folder, with the dot and in lower case. A file
            that is named outright is taken whatever its suffix.

    Raises:
        InputError: if an input is empty, does not exist, is a pipe or a device, matches nothing, or is a folder without
            a file of the wanted kind.
    """
    wanted = tuple(suffixes)
    found: list[Path] = []
    for entry in inputs:
        # which would be the working folder; it comes of a shell variable that is not set
        if not str(entry):
            raise InputError("an input is empty; name a file or a folder (. for this one)")
        path = Path(entry)
        if path.is_dir():
            inside = (file for _, files in walk(path) for file in files)
            files = sorted((file for file in inside if _is_wanted(file, wanted)), key=natural_key)
            if not files:
                raise InputError(f"{path}: no file with suffix {', '.join(wanted)} in this folder")
        elif path.exists():
            check_regular(path)
            files = [path]
        elif glob.has_magic(str(entry)):
            files = sorted(once(file for file in matching(entry) if _is_wanted(file, wanted)), key=natural_key)
            if not files:
                raise InputError(f"{entry}: the pattern matches no file with suffix {', '.join(wanted)}")
        else:
            raise InputError(f"{path}: no such file or folder")
        found += files
    places = _Places()
    return list({places.of(file): file for file in reversed(found)}.values())[::-1]


def walk(folder: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield a folder and every one below it with the files in it, in natural order, hidden ones aside.

    Links to folders are followed. A folder that is reached by several ways, or by a link that leads in a circle, comes
    once: under its own name where it has one in ``folder``.
    """
    seen, links = set[tuple[int, int]](), [folder]
    while links:
        for place, folders, names in os.walk(links.pop(0)):
            status = Path(place).stat()
            if (status.st_dev, status.st_ino) in seen:
                folders.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            visible = sorted((name for name in folders if not name.startswith(".")), key=natural_key)
            linked = [name for name in visible if Path(place, name).is_symlink()]
            # later, so that a folder is found under its own name first
            links += [Path(place, name) for name in linked]
            folders[:] = [name for name in visible if name not in linked]
            yield (
                Path(place),
                [Path(place, name) for name in sorted(names, key=natural_key) if not name.startswith(".")],
            )


def matching(pattern: str | Path) -> Iterator[Path]:
    """Yield what a glob pattern matches; ``**`` is any number of folders, found as by `walk`.

    Unlike the glob of the standard library it ends where links lead in circles.
    """
    path = Path(pattern)
    yield from _matching(Path(path.anchor), path.relative_to(path.anchor).parts)


def _matching(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    if not parts:
        yield folder
    elif parts[0] == "**":
        for place, files in walk(folder):
            yield from _matching(place, parts[1:])
            if len(parts) == 1:
                yield from files
    elif not glob.has_magic(parts[0]):
        if (folder / parts[0]).exists():
            yield from _matching(folder / parts[0], parts[1:])
    elif folder.is_dir() and os.access(folder, os.R_OK):
        for name in (entry.name for entry in os.scandir(folder)):
            if fnmatch.fnmatch(name, parts[0]) and (parts[0].startswith(".") or not name.startswith(".")):
                yield from _matching(folder / name, parts[1:])


def once(files: Iterable[Path]) -> list[Path]:
    """Return files in their order without those that are reached once more through a link to a folder.

    Of several ways to a file, the shortest is kept.
    """
    places, kept = _Places(), dict[tuple[Path, str], Path]()
    for file in files:
        place = places.of(file)
        if place not in kept or len(file.parts) < len(kept[place].parts):
            kept[place] = file
    return list(kept.values())


class _Places(dict[Path, Path]):
    """Where folders are when no link is followed any more, each looked up once."""

    def __missing__(self, folder: Path) -> Path:
        self[folder] = folder.resolve()
        return self[folder]

    def of(self, file: Path) -> tuple[Path, str]:
        return self[file.parent], file.name


def _is_wanted(file: Path, suffixes: tuple[str, ...]) -> bool:
    return file.suffix.lower() in suffixes and file.is_file()


def check_regular(path: Path) -> None:
    """Validate that a path is no pipe and no device, which would be waited for; one that is not there passes.

    Raises:
        InputError: if it is one.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"{path}: a pipe or a device, which cannot be read twice; save it as a file and name that")


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


def first_bytes(path: Path, number: int) -> bytes:
    """Return the first ``number`` bytes of a file, or all there are.

    Raises:
        InputError: if it is empty, a pipe or a device, or cannot be read.
    """
    check_regular(path)
    try:
        with path.open("rb") as file:
            start = file.read(number)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if not start:
        raise InputError(f"{path}: the file is empty")
    return start
