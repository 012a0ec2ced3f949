"""What the tests share: a base model that takes no time."""

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
def tiny_weights(saved: Callable[[Any], Path]) -> Path:
    """The folder of an adapter for the bundled base model that has learnt nothing."""
    from artadapter_style import ArtAdapter
    from artadapter_style.inference.bases import open_base

    base = open_base("demo")
    return saved(ArtAdapter.for_base(base.unet, base.text_encoder, vgg_width=4, vgg_seed=0, hidden=16))
