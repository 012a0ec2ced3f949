"""Lists of clips: CSV, lines of JSON as WebVid and CelebV-Text have them, and the index of a folder of sheets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from visioncore.errors import InputError
from visioncore.files import read_json, read_json_lines, read_list

from .clips import Clip, FrameSource
from .frame_files import Sheet
from .videos import VideoFrames

COLUMNS = ("path", "text", "split", "label", "group")
"""Of a CSV file; the same are fields of lines of JSON."""
_CAPTIONS = ("action", "emotion", "face40_details", "light_color_temp", "light_dir", "light_intensity")
"""Fields of CelebV-Text, each with several captions, one a line."""
_CELEBV_FOLDER = "celebvtext_6"


def csv_clips(path: Path, videos: Path, fps: float | None) -> Iterator[Clip]:
    """Yield the clips of a CSV file of `COLUMNS`; a header may name some of them.

    Raises:
        InputError: if it cannot be read, or a line names no file.
    """
    for line, entry in read_list(path, COLUMNS, "a list of clips"):
        yield _listed(entry, "path", f"{path}, line {line}", videos, fps)


def json_clips(path: Path, videos: Path, fps: float | None) -> Iterator[Clip]:
    """Yield the clips of a file with a JSON object on each line.

    One has ``path`` and what else `COLUMNS` has (WebVid), or ``video_name`` and captions (CelebV-Text).

    Raises:
        InputError: if it cannot be read, or a line names no file.
    """
    for line, entry in read_json_lines(path, "a list of clips"):
        where = f"{path}, line {line}"
        if "path" in entry or "video_name" not in entry:
            yield _listed(entry, "path", where, videos, fps)
            continue
        texts = [_versions(entry[field], f"{where}, {field}") for field in _CAPTIONS if entry.get(field)]
        within = videos / _CELEBV_FOLDER
        yield _listed(entry, "video_name", where, within if within.is_dir() else videos, fps, texts)


def sheet_clips(path: Path, fps: float | None) -> Iterator[Clip]:
    """Yield the clips of an ``index.json``: a list of objects, each of a sheet of tiles beside it.

    Each has ``file``, ``frames``, ``columns`` and ``tile`` (side, or width and height); and may have ``label`` or
    ``action``, ``group`` or ``person``, ``split``, ``text``, ``fps``.

    Raises:
        InputError: if it cannot be read, or an entry lacks one of these.
    """
    entries = read_json(path, "an index of sheets")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{path}: should be a list of objects, one for each sheet")
    for place, entry in enumerate(entries, start=1):
        where = f"{path}, entry {place}"
        name = _text(entry, "file", where)
        tile = entry.get("tile")
        sides = tile if isinstance(tile, list) and len(tile) == 2 else [tile, tile]
        frames, columns, width, height = (
            _whole(value, f"{where}, {field}")
            for field, value in (
                ("frames", entry.get("frames")),
                ("columns", entry.get("columns")),
                ("tile", sides[0]),
                ("tile", sides[1]),
            )
        )
        own = entry.get("fps")
        if own is not None and not (isinstance(own, int | float) and 0.001 <= own <= 1000):
            raise InputError(f"{where}: fps is {own!r}; it should be a number from 0.001 to 1000")
        rate = fps or (None if own is None else float(own))
        sheet = Sheet(path.parent / name, frames, columns, width, height, rate)
        yield _clip(name, sheet, entry, where)


def _listed(
    entry: Mapping[str, Any],
    field: str,
    where: str,
    videos: Path,
    fps: float | None,
    texts: Iterable[tuple[str, ...]] = (),
) -> Clip:
    name = _text(entry, field, where)
    # as names of videos are listed without their suffix
    path = videos / (name if Path(name).suffix else f"{name}.mp4")
    return _clip(name, VideoFrames(path, fps), entry, where, texts)


def _clip(
    name: str, source: FrameSource, entry: Mapping[str, Any], where: str, texts: Iterable[tuple[str, ...]] = ()
) -> Clip:
    label, group, split, text = (
        _optional(entry, where, *names) for names in (("label", "action"), ("group", "person"), ("split",), ("text",))
    )
    versions = tuple(texts) or (((text,),) if text else ())
    # CelebV-Text's action is a caption, not a class
    return Clip(name, source, None if texts else label, group, split or "", versions)


def _text(entry: Mapping[str, Any], field: str, where: str) -> str:
    value = entry.get(field)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: {field} is {value!r}; it should be the name of a file")
    return value


def _optional(entry: Mapping[str, Any], where: str, *fields: str) -> str | None:
    value = next((entry[field] for field in fields if entry.get(field) is not None), None)
    if value is not None and not isinstance(value, str | int):
        raise InputError(f"{where}: {fields[0]} is {value!r}; it should be text")
    return None if value is None else str(value)


def _versions(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, str):
        raise InputError(f"{where} is {value!r}; it should be text, with a caption on each line")
    return tuple(line.strip() for line in value.splitlines() if line.strip())


def _whole(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 100_000:
        raise InputError(f"{where} is {value!r}; it should be a number of pixels or tiles, at least 1")
    return value
