"""A folder of one's own: images, and captions in a list or in a text file beside each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from visioncore.errors import InputError
from visioncore.files import check_listed, expand_inputs, read_json_lines, read_list, read_text_lines
from visioncore.images import IMAGE_SUFFIXES

from .items import Item

COLUMNS = ("file", "caption", "style")
LISTS = ("captions.csv", "captions.jsonl")
"""Names of lists of captions: `COLUMNS`, of which the last may be missing."""


def own_folder(folder: Path) -> list[Item]:
    """Return the images of a folder that have a caption.

    Captions stand in ``captions.csv`` or ``captions.jsonl``, which name files from the folder or its ``images`` on, or
    in ``NAME.txt`` beside the image ``NAME.jpg``, in which case an image without one is left out.

    Raises:
        InputError: if there are no captions, or a list is not as it should be or names a file that is not there.
    """
    for name in LISTS:
        if (folder / name).is_file():
            return listed(folder / name)
    items = list(_beside(folder))
    if not items:
        raise InputError(
            f"{folder}: no captions; they should stand in {' or '.join(LISTS)} ({', '.join(COLUMNS)}) or in NAME.txt "
            "beside each image"
        )
    return items


def listed(path: Path) -> list[Item]:
    """Return the images that a list of captions names.

    Raises:
        InputError: if it is not as it should be, or names a file that is not there.
    """
    items = []
    for number, entry in _entries(path):
        name, caption = entry.get("file", ""), entry.get("caption")
        if not name or caption is None:
            raise InputError(f"{path}, line {number}: should have file and caption")
        check_listed(path, number, [file := _file(path.parent, name)], COLUMNS)
        items.append(Item(name, file, caption, entry.get("style", "")))
    return items


def _entries(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    what = "a list of captions"
    if path.suffix == ".csv":
        yield from ((number, {"caption": "", **entry}) for number, entry in read_list(path, COLUMNS, what))
        return
    for number, entry in read_json_lines(path, what):
        yield number, {key: _text(path, number, key, entry[key]) for key in COLUMNS if entry.get(key) is not None}


def _text(path: Path, number: int, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(f"{path}, line {number}: {key} should be text")
    return value


def _file(folder: Path, name: str) -> Path:
    inside = folder / "images" / name
    return inside if inside.is_file() else folder / name


def _beside(folder: Path) -> Iterator[Item]:
    for file in expand_inputs([folder], IMAGE_SUFFIXES):
        beside = file.with_suffix(".txt")
        if beside.is_file():
            lines = (line for _, line in read_text_lines(beside, "a caption"))
            yield Item(file.relative_to(folder).as_posix(), file, " ".join(lines))
