"""Prompts in text files."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..files import read_text_lines


def read_prompts(path: str | Path) -> tuple[str, ...]:
    """Return the prompts of a text file, one a line; empty lines do not count.

    Raises:
        InputError: if it cannot be read, has none, or has one twice.
    """
    lines = read_text_lines(Path(path), "a list of prompts")
    if not lines:
        raise InputError(f"{path}: no prompt in it; it should have one on each line")
    seen: dict[str, int] = {}
    for number, text in lines:
        if text in seen:
            raise InputError(f"{path}, line {number}: this prompt is on line {seen[text]} already: {text}")
        seen[text] = number
    return tuple(seen)
