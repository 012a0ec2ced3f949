"""The table of modules in the README."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_every_module_in_the_table_is_there() -> None:
    cells = re.findall(r"^\| (`.+?`) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    names = re.findall(r"`([a-z_0-9.]+)`", " ".join(cells))
    assert len(names) > 20
    for name in names:
        import_module(f"visioncore.{name}")
