"""Small trees of text files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write_texts(root: Path, texts: Mapping[str, str]) -> None:
    """Write text files, {path in ``root``: content}, and the folders they lie in."""
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
