"""The core's README, whose examples speak of all methods; each method's own tests run the examples of its README."""

from __future__ import annotations

import re
from importlib import import_module

from visioncore.testing.readme import ReadmeExamples
from workspace import ROOT


class TestReadme(ReadmeExamples):
    readme = ROOT / "shared/visioncore/README.md"
    # each method's tests run its demo
    shorter = (("visioncore demo", "--only hsam-medseg"),)
    # they run until they are ended; their own tests start them
    elsewhere = ("visioncore app", "visioncore mcp --allow DIR", "visioncore serve")

    def test_every_module_in_the_table_is_there(self) -> None:
        cells = re.findall(r"^\| (`.+?`) \|", self.readme.read_text(encoding="utf-8"), re.MULTILINE)
        names = re.findall(r"`([a-z_0-9.]+)`", " ".join(cells))
        assert len(names) > 20
        for name in names:
            import_module(f"visioncore.{name}")
