"""What the tests share: a base model that takes no time, and an injector for it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# so that tests can import the modules beside them
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny base model."""
    from visioncore.testing.tiny_base import tiny_base

    return tiny_base(tmp_path_factory.mktemp("base") / "base")


@pytest.fixture(scope="session")
def tiny_weights(base: Path, saved: Callable[[Any], Path]) -> Path:
    """The folder of an injector for the tiny base whose foreground shows."""
    from tiny_injector import tiny_injector

    from visioncore.diffusion.base import load_base

    return saved(tiny_injector(load_base(base)))
