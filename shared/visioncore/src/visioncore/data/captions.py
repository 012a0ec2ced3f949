"""Images with captions: in a list, or in a text file beside each image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import check_listed, expand_inputs, read_json_lines, read_list, read_text_lines
from ..images import IMAGE_SUFFIXES

COLUMNS = ("file", "caption")
LISTS = ("captions.csv", "captions.jsonl")
"""Names of lists of captions: `COLUMNS`, and behind them those of a method, which may be missing."""


@dataclass(frozen=True)
class Captioned:
    """An image with its caption.

    Attributes:
        name: as the list has it, or from the folder on.
        path: of the image.
        caption: what it shows.
        entries: of the further columns, those that are there.
        where: the caption stands, for messages.
    """

    name: str
    path: Path
    caption: str
    entries: Mapping[str, str]
    where: str


def captioned_folder(folder: Path, more: Sequence[str] = ()) -> list[Captioned]:
    """Return the images of a folder that have a caption.

    Captions stand in ``captions.csv`` or ``captions.jsonl``, which name files from the folder or its ``images`` on, or
    in ``NAME.txt`` beside the image ``NAME.jpg``, in which case an image without one is left out.

    Args:
        folder: with the images.
        more: columns that a list may have beside `COLUMNS`.

    Raises:
        InputError: if there are no captions, or a list is not as it should be or names a file that is not there.
    """
    for name in LISTS:
        if (folder / name).is_file():
            return captioned_list(folder / name, more)
    found = list(_beside(folder))
    if not found:
        raise InputError(
            f"{folder}: no captions; they should stand in {' or '.join(LISTS)} ({', '.join((*COLUMNS, *more))}) or in "
            "NAME.txt beside each image"
        )
    return found


def captioned_list(path: Path, more: Sequence[str] = ()) -> list[Captioned]:
    """Return the images that a list of captions names.

    Args:
        path: of the list.
        more: columns that it may have beside `COLUMNS`.

    Raises:
        InputError: if it is not as it should be, or names a file that is not there.
    """
    columns, found = (*COLUMNS, *more), []
    for number, entry in _entries(path, columns):
        name, caption = entry.get("file", ""), entry.get("caption")
        if not name or caption is None:
            raise InputError(f"{path}, line {number}: should have file and caption")
        check_listed(path, number, [file := _file(path.parent, name)], columns)
        entries = {key: entry[key] for key in more if key in entry}
        found.append(Captioned(name, file, caption, entries, f"{path}, line {number}"))
    return found


def _entries(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    what = "a list of captions"
    if path.suffix == ".csv":
        yield from ((number, {"caption": "", **entry}) for number, entry in read_list(path, columns, what))
        return
    for number, entry in read_json_lines(path, what):
        yield number, {key: _text(path, number, key, entry[key]) for key in columns if entry.get(key) is not None}


def _text(path: Path, number: int, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(f"{path}, line {number}: {key} should be text")
    return value


def _file(folder: Path, name: str) -> Path:
    inside = folder / "images" / name
    return inside if inside.is_file() else folder / name


def _beside(folder: Path) -> Iterator[Captioned]:
    for file in expand_inputs([folder], IMAGE_SUFFIXES):
        beside = file.with_suffix(".txt")
        if beside.is_file():
            lines = (line for _, line in read_text_lines(beside, "a caption"))
            yield Captioned(file.relative_to(folder).as_posix(), file, " ".join(lines), {}, str(beside))
