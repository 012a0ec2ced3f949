"""List files of videos as each community shares them -> names and labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from visioncore.errors import InputError
from visioncore.files import read_json, read_list, read_text_lines

_HMDB = re.compile(r"(.+)_test_split([123])\.txt")


@dataclass(frozen=True)
class Listed:
    """A line of a list.

    Attributes:
        name: the video, as it is listed.
        label: its class in words, or its id; None where the list does not say.
        line: number of the line, from 1.
        options: further places below the folder of videos where it may be.
    """

    name: str
    label: str | int | None
    line: int
    options: tuple[str, ...] = ()


def holds_splits(folder: Path) -> bool:
    """Return whether a folder has the split files of HMDB-51."""
    return any(_HMDB.fullmatch(path.name) for path in folder.iterdir())


def read_listed(source: Path, split: int, part: str) -> Iterator[Listed]:
    """Yield what a list says of each video; see `video_lists.read_videos`.

    Args:
        source: the list, or the folder of HMDB-51's split files.
        split: of HMDB-51, 1 to 3.
        part: of HMDB-51, ``train`` or ``test``.

    Raises:
        InputError: if it cannot be read, or a line is not what it should be.
    """
    if source.is_dir():
        return _of_hmdb(source, split, part)
    readers: dict[str, Callable[[Path], Iterator[Listed]]] = {".csv": _of_csv, ".json": _of_something}
    return readers.get(source.suffix.lower(), _of_text)(source)


def _of_text(path: Path) -> Iterator[Listed]:
    for number, line in read_text_lines(path, "a list of videos"):
        name, _, last = line.rpartition(" ")
        if name and last.isdecimal():
            yield Listed(name.strip(), int(last), number)
        elif "/" in line:
            yield Listed(line, line.split("/")[-2], number)
        else:
            raise InputError(f"{path}, line {number}: {line[:80]!r} has no class; it should end with its id")


def _of_csv(path: Path) -> Iterator[Listed]:
    if "youtube_id" in next(iter(read_text_lines(path, "a list of videos")), (1, ""))[1].lower():
        yield from _of_kinetics(path)
        return
    for number, row in read_list(path, ("path", "label"), "a list of videos"):
        if "path" not in row or "label" not in row:
            raise InputError(f"{path}, line {number}: {','.join(row.values())[:80]!r}; it should be a path and a label")
        yield Listed(row["path"], int(row["label"]) if row["label"].isdecimal() else row["label"], number)


def _of_kinetics(path: Path) -> Iterator[Listed]:
    columns = ("youtube_id", "label", "time_start", "time_end", "split")
    for number, row in read_list(path, columns, "a list of Kinetics"):
        try:
            name = f"{row['youtube_id']}_{int(row['time_start']):06d}_{int(row['time_end']):06d}"
        except (KeyError, ValueError) as error:
            raise InputError(f"{path}, line {number}: should be {','.join(columns)}") from error
        label, part = row.get("label"), {"validate": "val", "validation": "val"}.get(s := row.get("split", ""), s)
        stems = [name, *(f"{folder}/{name}" for folder in (part, label, f"{part}/{label}") if folder)]
        files = [f"{stem}{suffix}" for stem in stems for suffix in (".mp4", ".mkv", ".webm", ".avi")]
        yield Listed(f"{name}.mp4", label, number, tuple(files))


def _of_something(path: Path) -> Iterator[Listed]:
    found = read_json(path, "a list of Something-Something")
    if not isinstance(found, list):
        raise InputError(f"{path}: not a list of videos; it should be a list of objects with id and template")
    for number, item in enumerate(found, start=1):
        if not isinstance(item, dict) or "id" not in item or "template" not in item:
            raise InputError(f"{path}, object {number}: should have id and template")
        yield Listed(f"{item['id']}.webm", str(item["template"]), number)


def _of_hmdb(folder: Path, split: int, part: str) -> Iterator[Listed]:
    wanted = {"train": "1", "test": "2"}.get(part)
    if wanted is None or split not in (1, 2, 3):
        raise InputError(f"split is {split} and part {part!r}; they must be 1, 2 or 3, and train or test")
    for path in sorted(folder.iterdir()):
        match = _HMDB.fullmatch(path.name)
        if match and int(match[2]) == split:
            for number, line in read_text_lines(path, "a split of HMDB-51"):
                name, _, which = line.rpartition(" ")
                if which == wanted:
                    yield Listed(f"{match[1]}/{name.strip()}", match[1], number, (name.strip(),))
