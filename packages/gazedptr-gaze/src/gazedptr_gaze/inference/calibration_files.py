"""Results of a calibration as JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from visioncore.configs import from_plain, read_text, to_plain
from visioncore.errors import InputError, one_line
from visioncore.files import check_regular
from visioncore.report import write_json

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Calibration = TypeVar("Calibration", bound="DataclassInstance")


def write_calibration(calibration: DataclassInstance, path: str | Path) -> None:
    """Write a dataclass as a JSON file.

    Raises:
        InputError: if it is named otherwise, or cannot be written.
    """
    if Path(path).suffix.lower() != ".json":
        raise InputError(f"{path}: the result is a .json file; name it so")
    write_json(path, to_plain(calibration))


def read_calibration(kind: type[Calibration], path: str | Path, what: str) -> Calibration:
    """Return the dataclass that a JSON file describes.

    Args:
        kind: the dataclass.
        path: the file.
        what: it should be, for messages.

    Raises:
        InputError: if it cannot be read or is something else.
    """
    path = Path(path)
    check_regular(path)
    text = read_text(path)
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not {what}: not JSON ({one_line(error)})") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: not {what}: not an object")
    return from_plain(kind, values, f"{path}, {what}")
