"""What the tests of servers share: a method that predicts in no time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from visioncore.jobs.allowed import Allowed
from visioncore.methods import Method
from visioncore.testing.made_up_method import install_method


@pytest.fixture
def made_up(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Method]:
    """A made-up method, the only one that servers see."""
    yield from install_method(tmp_path_factory.mktemp("installed"), monkeypatch)


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    """A folder with two images; a third lies outside of it."""
    for name in ("inside/sub", "outside"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("inside/a.png", "inside/sub/b.png", "outside/secret.png"):
        (tmp_path / name).write_text("image")
    return tmp_path / "inside"


@pytest.fixture
def allowed(inside: Path) -> Allowed:
    """The one folder in which files may lie."""
    return Allowed.of([inside])
