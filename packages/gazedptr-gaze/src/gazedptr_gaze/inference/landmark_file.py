"""A user's own landmarks: six for each face, by the name of the image."""

from __future__ import annotations

import csv
import io
import json
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from visioncore.configs import shown
from visioncore.errors import InputError, one_line

from ..data.texts import read_utf8
from .faces import Face

__all__ = ["LandmarkFile"]

COLUMNS = tuple(f"{axis}{number}" for number in range(6) for axis in "xy")
"""Of CSV files, behind ``image`` and, for videos, ``frame``."""


class LandmarkFile:
    """Faces whose landmarks are known already.

    Args:
        path: a ``.csv`` file with the columns ``image`` (file name), ``frame`` (number from 0; for videos only) and
            ``x0,y0,...,x5,y5``, a line for each face; or a ``.json`` file, {file name: six points [x, y], or a list of
            such six}. Points are in pixels and in the order of `data.head_pose.LANDMARKS`.

    Raises:
        InputError: if it cannot be read or a face is wrong, with its line or image.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        text = read_utf8(self.path)
        self.digest = f"landmarks {zlib.crc32(text.encode()):08x}"
        """Stands for what is in the file."""
        read = self._json if self.path.suffix.lower() == ".json" else self._csv
        self._faces: defaultdict[tuple[str, int], list[Face]] = defaultdict(list)
        for image, frame, points, where in read(text):
            self._faces[image, frame].append(Face(self._six(points, where), 1.0))

    def of(self, source: Path | None, frame: int = 0) -> list[Face]:
        """Return the faces of an image, or of a frame of a video, by the name of its file; none if it has none."""
        return list(self._faces.get(("" if source is None else source.name, frame), ()))

    def _csv(self, text: str) -> Iterator[tuple[str, int, Any, str]]:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        try:
            missing = [name for name in ("image", *COLUMNS) if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{self.path}: no column {missing[0]}; the first line names image,{','.join(COLUMNS)}")
            for row in reader:
                where = f"{self.path}, line {reader.line_num}"
                frame = row.get("frame") or "0"
                if not frame.isdecimal():
                    raise InputError(f"{where}: frame is {shown(frame)}; it should be a number from 0")
                values = [row[name] for name in COLUMNS]
                yield row["image"], int(frame), list(zip(values[::2], values[1::2], strict=True)), where
        except csv.Error as error:
            raise InputError(f"{self.path}, line {reader.line_num}: not CSV ({one_line(error)})") from error

    def _json(self, text: str) -> Iterator[tuple[str, int, Any, str]]:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{self.path}: not JSON ({one_line(error)})") from error
        if not isinstance(found, dict):
            raise InputError(f"{self.path}: {shown(found)}; it should be an object, {{file name: six points [x, y]}}")
        for image, faces in found.items():
            # one face is six points, several are a list of them
            several = isinstance(faces, list) and all(isinstance(face, list) and len(face) == 6 for face in faces)
            for points in faces if several else [faces]:
                yield image, 0, points, f"{self.path}, {image}"

    @staticmethod
    def _six(points: Any, where: str) -> Any:
        try:
            six = np.array(points, dtype=np.float64)
        except (ValueError, TypeError):
            six = np.full((0, 2), np.nan)
        if six.shape != (6, 2) or not np.isfinite(six).all():
            raise InputError(f"{where}: a face must be six points (x, y) of numbers")
        return six
