"""What the tests of servers share: a method that predicts in no time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from visioncore.methods import Method
from visioncore.testing.made_up_method import install_method


@pytest.fixture
def made_up(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Method]:
    """A made-up method, the only one that servers see."""
    yield from install_method(tmp_path_factory.mktemp("installed"), monkeypatch)
