"""Shared parts of the suites: the tested package, and how its commands are run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ...images import read_image

Run = Callable[..., tuple[int, str, str]]
"""Runs a command by its words; returns the exit code, what it printed, and what it complained of."""


class Suite:
    """A suite of tests; subclasses name the package."""

    package: ClassVar[str]
    """Name under which the package is imported."""

    def convert_words(self, published: Path) -> tuple[object, ...]:
        """Return the words of ``convert`` up to ``--out``."""
        return ("convert", published)

    @pytest.fixture
    def run(self, run_program: Callable[..., tuple[int, str, str]]) -> Run:
        """Runs a command of the package in this process."""
        return partial(run_program, self.module("cli").main)

    @property
    def public(self) -> Any:
        """The package itself, with its public names."""
        return import_module(self.package)

    def module(self, name: str) -> Any:
        """Import a module of the package."""
        return import_module(f"{self.package}.{name}")


def refuses(run: Run, *words: object, told: str) -> None:
    """Check that a command ends with exit code 2 and one line that says ``told``."""
    code, _, complaints = run(*words)
    assert code == 2, (words, code, complaints)
    is_one_error(complaints, told)


def is_one_error(complaints: str, told: str) -> None:
    """Check that a command complained in one line, which says ``told``."""
    assert complaints.count("\n") == 1, complaints
    assert complaints.startswith("error: "), complaints
    assert told in complaints, complaints


def tells(text: str, *facts: str) -> None:
    """Check that a text holds all facts."""
    for fact in facts:
        assert fact in text, fact


def run_demo(main: Callable[[list[str]], int], out: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Run ``demo``, check what it says and that there is a figure, and return its report."""
    assert main(["demo", "--out", str(out)]) == 0
    said = capsys.readouterr()
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    assert said == (f"{report['headline']}\nfigure, report and results: {out}\n", "")
    assert report["figure"] == "demo.png"
    assert read_image(out / "demo.png").width > 1000
    assert report["seconds"] > 0
    return report


def as_options(fields: Mapping[str, object]) -> list[str]:
    """Return fields of a recipe as command line options."""
    return [str(word) for name, value in fields.items() for word in (f"--set.{name}", value)]


def files_in(folder: Path) -> list[str]:
    """Return the files of a folder of results, sorted, less the records of how they were made."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if not re.fullmatch(r"run(-\d+)?\.json|made(-\d+)?\.jsonl", name))
