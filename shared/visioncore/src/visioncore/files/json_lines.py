"""JSON files that users write, read with one clear line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import InputError, one_line
from .text_lines import read_text_lines


def read_json(path: Path, what: str) -> Any:
    """Return the values in a JSON file.

    Args:
        path: the file.
        what: it is, for messages, such as ``a list of labels``.

    Raises:
        InputError: if it cannot be read, or is no JSON.
    """
    text = "\n".join(line for _, line in read_text_lines(path, what))
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not {what} (not JSON: {one_line(error, 100)})") from error


def read_json_lines(path: Path, what: str) -> list[tuple[int, dict[str, Any]]]:
    """Return the objects of a file that has one on each line, with the numbers of the lines.

    Args:
        path: the file.
        what: it is, for messages.

    Raises:
        InputError: if it cannot be read, or a line is no JSON object.
    """
    found: list[tuple[int, dict[str, Any]]] = []
    for number, line in read_text_lines(path, what):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}, line {number}: not JSON ({one_line(error, 100)})") from error
        if not isinstance(value, dict):
            raise InputError(f"{path}, line {number}: should be a JSON object, {{...}}")
        found.append((number, value))
    return found
