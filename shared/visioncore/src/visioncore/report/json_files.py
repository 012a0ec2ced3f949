"""Measurements as JSON files."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import escaped
from ..files import write_text


def write_json(path: str | Path, mapping: Mapping[str, Any]) -> None:
    """Write ``mapping`` as JSON, whole or not at all.

    Dataclasses become objects, paths and other objects text, NumPy numbers and arrays numbers and lists. JSON has no
    infinity and no NaN: infinities become the strings "Infinity" and "-Infinity" (a PSNR of equal images is one), NaN
    becomes null. Bytes of file names that are no UTF-8 are written as ``\\xe9``.

    Raises:
        InputError: if the file cannot be written.
    """
    import json

    write_text(path, json.dumps(_jsonable(mapping), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _jsonable(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, str):
        return escaped(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: _jsonable(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {escaped(str(key)): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_jsonable(item) for item in value]
    return escaped(str(value))
