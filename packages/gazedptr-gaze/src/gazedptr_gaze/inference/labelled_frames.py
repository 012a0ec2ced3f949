"""Frames that a user has labelled: lines of a CSV file, each with the record of its face."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from visioncore.errors import InputError
from visioncore.files import read_list

from .records import FrameGaze


@dataclass(frozen=True)
class LabelledFrame:
    """A line of the list.

    Attributes:
        where: file and line, for messages.
        label: its entries by column.
        record: the face in its frame, with a gaze.
    """

    where: str
    label: dict[str, str]
    record: FrameGaze

    def numbers(self, *columns: str) -> list[float]:
        """Return entries as numbers.

        Raises:
            InputError: if one is missing or is no number.
        """
        return [self._number(column) for column in columns]

    def _number(self, column: str) -> float:
        text = self.label.get(column, "")
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InputError(f"{self.where}: {column} is {text!r}; it should be a number")
        return number


def read_labelled_frames(
    path: Path, columns: Sequence[str], what: str, records: Sequence[FrameGaze], face: int = 0
) -> list[LabelledFrame]:
    """Return the lines of a CSV file, each with the record of a face in its frame.

    Args:
        path: the file; its columns are ``frame``, those of ``columns``, and ``source`` if the records are of several.
        columns: what a frame is labelled with.
        what: the file is called, for messages.
        records: of all frames.
        face: id of the face that is meant.

    Raises:
        InputError: if the file or a line is wrong, a frame is there twice, or none with that face and a gaze.
    """
    sources = {record.source for record in records}
    faces = {(record.source, record.frame): record for record in records if record.face == face}
    found: dict[tuple[str, int], LabelledFrame] = {}
    for number, entries in read_list(path, ("frame", *columns, "source"), what):
        where = f"{path}, line {number}"
        text, source = entries.get("frame", ""), entries.get("source", "")
        if not (text.isascii() and text.isdecimal()):
            raise InputError(f"{where}: frame is {text!r}; it should be the number of a frame, from 0")
        if not source and len(sources) > 1:
            raise InputError(f"{where}: no source, but the records are of {len(sources)}; name one in column source")
        key = (source or next(iter(sources), ""), int(text[:18]))
        record = faces.get(key)
        if record is None or record.vector is None:
            raise InputError(f"{where}: no gaze of face {face} in frame {text} of {key[0]!r} is in the records")
        if key in found:
            raise InputError(f"{where}: frame {text} is labelled already in {found[key].where.rpartition(', ')[2]}")
        found[key] = LabelledFrame(where, entries, record)
    return list(found.values())
