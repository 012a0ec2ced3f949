"""Gazes of frames as files: a line for each face in each frame, as CSV or JSON lines."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visioncore.configs import shown
from visioncore.errors import InputError, one_line
from visioncore.files import write_text

from ..data.texts import read_utf8
from ..data.zones import COARSE_ZONES

NO_FACE = -1
"""The face id of a frame in which no face was found."""

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class FrameGaze:
    """One face in one frame, or that there was none.

    Attributes:
        source: file that the frame is from.
        frame: its number, from 0.
        time: seconds since the beginning of the source.
        face: id of the face; -1 (`NO_FACE`) if no face was found, and then all that follows is None.
        box: of the face, (x0, y0, x1, y1) in pixels.
        score: of the face, as its finder gives it, 0 to 1.
        yaw: radians, `official` convention, in the frame of the normalised camera, as the network gives it.
        pitch: as yaw.
        vector: unit vector of the gaze in the frame of the camera: x right, y down, z forward; after a calibration the
            corrected one.
        origin: point that the gaze starts from, mm in the frame of the camera; None where the camera is unknown.
        head: yaw, pitch and roll of the head in degrees, in the frame of the camera.
        zone: fine zone, 0 to 121 for the networks that the authors published.
        zone_probability: of the zone, 0 to 1.
        region: coarse zone, 0 to 9, see `data.zones.COARSE_ZONES`; None of networks with other fine zones.
        cabin_zone: name of the zone in the user's own cabin, see `zones.with_cabin_zones`.
        cabin_probability: of that zone, 0 to 1.

    Raises:
        InputError: if a value is of another type or out of its range, or a frame without a face has one.
    """

    source: str
    frame: int
    time: float
    face: int = NO_FACE
    box: tuple[float, float, float, float] | None = None
    score: float | None = None
    yaw: float | None = None
    pitch: float | None = None
    vector: Vector | None = None
    origin: Vector | None = None
    head: Vector | None = None
    zone: int | None = None
    zone_probability: float | None = None
    region: int | None = None
    cabin_zone: str | None = None
    cabin_probability: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            # what NumPy and JSON give becomes plain numbers and tuples
            object.__setattr__(self, name, _checked(name, value))
        if self.face == NO_FACE:
            given = [name for name in _OPTIONAL if getattr(self, name) is not None]
            if given:
                raise InputError(f"{given[0]} is given, but no face was found (face is {NO_FACE})")
        if self.box is not None and not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise InputError(f"box is {self.box}; it must be x0, y0, x1, y1 with x1 above x0 and y1 above y0")
        if self.vector is not None and abs(math.hypot(*self.vector) - 1) > 1e-3:
            raise InputError(f"vector is {self.vector}; it must have length 1")


_NAMES = [field.name for field in dataclasses.fields(FrameGaze)]
_OPTIONAL = _NAMES[4:]
_PARTS = {
    "box": ("box_x0", "box_y0", "box_x1", "box_y1"),
    "vector": ("gaze_x", "gaze_y", "gaze_z"),
    "origin": ("origin_x", "origin_y", "origin_z"),
    "head": ("head_yaw", "head_pitch", "head_roll"),
}
COLUMNS = tuple(column for name in _NAMES for column in _PARTS.get(name, (name,)))
"""Columns of the CSV files."""
_TEXTS = ("source", "cabin_zone")
_REGIONS = len(COARSE_ZONES)
_WHOLE = {"frame": (0, 2**53), "face": (NO_FACE, 2**31), "zone": (0, 2**31), "region": (0, _REGIONS - 1)}
_SHARE = (0.0, 1.0)
_LIMITS = {"time": (0.0, math.inf), "score": _SHARE, "zone_probability": _SHARE, "cabin_probability": _SHARE}


def write_records(path: str | Path, records: Iterable[FrameGaze]) -> None:
    """Write records to a file, whole or not at all; folders are made as needed.

    Args:
        path: ``.csv`` for a table with the columns `COLUMNS`, ``.jsonl`` for an object in each line.
        records: of the frames, in their order.

    Raises:
        InputError: if the suffix is another one, or the file cannot be written.
    """
    path = _known(path)
    text = io.StringIO()
    if path.suffix.lower() == ".csv":
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_row(record) for record in records)
    else:
        for record in records:
            text.write(json.dumps(vars(record), ensure_ascii=False, allow_nan=False) + "\n")
    write_text(path, text.getvalue())


def read_records(path: str | Path) -> list[FrameGaze]:
    """Return the records of a file that `write_records` wrote, or another program in the same form.

    Columns of a CSV file may stand in any order, with others beside them, which are left out.

    Raises:
        InputError: if it cannot be read or a line is wrong, with its number, or there are no records.
    """
    path = _known(path)
    text = read_utf8(path)
    lines = _csv_lines(path, text) if path.suffix.lower() == ".csv" else _json_lines(path, text)
    records = []
    for number, fields in lines:
        try:
            records.append(FrameGaze(**fields))
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
    if not records:
        raise InputError(f"{path}: no records; there should be a line for each frame, as predict writes them")
    return records


def read_all_records(paths: Iterable[str | Path]) -> list[FrameGaze]:
    """Return the records of several files.

    Raises:
        InputError: as `read_records`, or if two files have records of the same source.
    """
    records: list[FrameGaze] = []
    read: dict[str, Path] = {}
    for path in map(Path, paths):
        found = read_records(path)
        for source in dict.fromkeys(record.source for record in found):
            if source in read:
                raise InputError(f"{path}: records of {source}, which {read[source]} has too; each source is read once")
            read[source] = path
        records += found
    return records


def _known(path: str | Path) -> Path:
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise InputError(f"{path}: records are .csv or .jsonl files")
    return path


def _row(record: FrameGaze) -> Iterator[object]:
    for name in _NAMES:
        value = getattr(record, name)
        yield from (value or [None] * len(_PARTS[name])) if name in _PARTS else [value]


def _csv_lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if missing := [column for column in COLUMNS if column not in header]:
            raise InputError(f"{path}: no column {missing[0]}; the first line of records names {','.join(COLUMNS)}")
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                told = f"{path}, line {reader.line_num}: {len(row)} columns"
                raise InputError(f"{told}; there should be {len(header)}, as in the first line")
            yield reader.line_num, _fields(dict(zip(header, row, strict=True)))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not CSV ({one_line(error)})") from error


def _fields(cells: dict[str, str]) -> dict[str, Any]:
    """Return the fields of a line; empty cells are None, and what is no number stays text."""
    fields: dict[str, Any] = {}
    for name in _NAMES:
        if name in _PARTS:
            parts = [_number(cells[column]) for column in _PARTS[name]]
            fields[name] = None if all(part is None for part in parts) else parts
        else:
            fields[name] = (cells[name] or None) if name in _TEXTS else _number(cells[name])
    return fields


def _number(cell: str) -> float | str | None:
    try:
        return float(cell) if cell else None
    except ValueError:
        return cell


def _json_lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    # not splitlines, which would split at characters that JSON has inside of text
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}, line {number}: not JSON ({one_line(error)})") from error
        if not isinstance(fields, dict):
            raise InputError(f"{path}, line {number}: {shown(fields)}; it should be an object with {', '.join(_NAMES)}")
        for name in (*_NAMES[:4], *fields):
            if name not in fields or name not in _NAMES:
                fault = f"unknown field {shown(name)}" if name in fields else f"no {name}"
                raise InputError(f"{path}, line {number}: {fault}; the fields are {', '.join(_NAMES)}")
        yield number, fields


def _checked(name: str, value: Any) -> Any:
    """Return a value of a field as plain text, number or tuple, within its limits."""
    if value is None and name in _OPTIONAL:
        return None
    if name in _TEXTS:
        if not isinstance(value, str) or not value:
            raise InputError(f"{name} is {shown(value)}; it should be text")
        return value
    if name in _PARTS:
        count, parts = len(_PARTS[name]), value.tolist() if hasattr(value, "tolist") else value
        numbers = [_real(part) for part in parts] if isinstance(parts, (tuple, list)) else []
        if len(numbers) != count or not all(map(math.isfinite, numbers)):
            raise InputError(f"{name} is {shown(value)}; it should be {count} numbers")
        return tuple(numbers)
    number = _real(value)
    if not math.isfinite(number):
        raise InputError(f"{name} is {shown(value)}; it should be a number")
    if name in _WHOLE:
        low, high = _WHOLE[name]
        if not number.is_integer() or not low <= number <= high:
            raise InputError(f"{name} is {shown(value)}; it should be a whole number from {low} to {high}")
        return int(number)
    lowest, highest = _LIMITS.get(name, (-math.inf, math.inf))
    if not lowest <= number <= highest:
        raise InputError(f"{name} is {shown(value)}; it should be {_range(lowest, highest)}")
    return number


def _real(value: Any) -> float:
    """Return a number, NaN if it is none."""
    try:
        return math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _range(low: float, high: float) -> str:
    return f"{low:g} or more" if high == math.inf else f"from {low:g} to {high:g}"
