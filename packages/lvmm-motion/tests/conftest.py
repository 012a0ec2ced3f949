"""Golden cases and networks that several tests look at."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from lvmm_motion.network.base import LVMM
from lvmm_motion.network.published import from_published_names
from visioncore.testing.golden import GoldenCase
from visioncore.weights.state_dicts import load_into

DATA = Path(__file__).parent / "data"
# so that tests can import the modules beside them
sys.path.insert(0, str(Path(__file__).parent))

from golden_networks import golden_state, made  # noqa: E402


@pytest.fixture(scope="session")
def layouts() -> dict[str, Any]:
    """The published layouts: variant -> {tensor name: shape}."""
    found: dict[str, Any] = json.loads((DATA / "manifest.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="session")
def case() -> Callable[[str], tuple[GoldenCase, dict[str, Tensor]]]:
    """Gives a golden case and its inputs."""

    def read(name: str) -> tuple[GoldenCase, dict[str, Tensor]]:
        golden = GoldenCase.read(DATA, name)
        return golden, {key: made(spec) for key, spec in golden.about["inputs"].items()}

    return read


@pytest.fixture(scope="session")
def filled() -> Callable[[Any, dict[str, Any]], Any]:
    """Gives a network in float64 with the golden weights of a published layout."""

    def network(config: Any, layout: dict[str, Any]) -> Any:
        model: Any = LVMM(config)
        state = golden_state(model, layout)
        load_into(
            model.double(), from_published_names(model.config, state, model.state_dict(), "golden"), where="golden"
        )
        return model.eval()

    return network


@pytest.fixture(scope="session")
def tiny_weights(saved: Callable[[Any], Path]) -> Path:
    """The folder of a whole method with random weights that takes no time."""
    from tiny import tiny_pipeline

    return saved(tiny_pipeline())
