"""A record beside images of how they were made, so that a run that was broken off goes on, and never with others."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError, some
from ..files import read_json
from ..report import write_json

RECORD = "images.json"
"""File beside images that says how they were made."""


def keep_record(folder: Path, now: Mapping[str, Mapping[str, Any]]) -> None:
    """Note what the images in a folder are made of, beside what is noted already.

    Args:
        folder: it is there.
        now: part, such as ``prompts``, -> name -> what it is, as JSON has it.

    Raises:
        InputError: if something of the same part and name was another before, or the file cannot be read or written.
    """
    path, whole = folder / RECORD, dict(now)
    if path.exists():
        before = read_json(path, "a record of images")
        for part, values in now.items():
            _check_same(folder, part, values, before.get(part, {}))
            whole[part] = {**before.get(part, {}), **values}
    write_json(path, whole)


def digest(path: Path) -> str:
    """Return how the SHA-256 of a file begins."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _check_same(folder: Path, part: str, now: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    changed = [name for name, value in now.items() if name in before and before[name] != value]
    if changed:
        raise InputError(
            f"{folder}: holds images of an earlier evaluation with other {part} ({some(changed)}); name another folder"
        )
