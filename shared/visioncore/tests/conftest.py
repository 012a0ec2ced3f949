"""What the tests of servers share: a method that predicts in no time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from visioncore.methods import Method

sys.path.insert(0, str(Path(__file__).parent))

from made_up_method import install_method


@pytest.fixture
def made_up(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Method]:
    """A made-up method, the only one that servers see."""
    yield from install_method(tmp_path_factory.mktemp("installed"), monkeypatch)
