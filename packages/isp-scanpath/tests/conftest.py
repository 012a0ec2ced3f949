"""What the tests share: the layouts of all published checkpoints, and tiny networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from isp_scanpath.network.config import ChenLSTMConfig, GazeformerConfig
from isp_scanpath.network.model import ChenLSTMISP, GazeformerISP

TINY_CHEN = ChenLSTMConfig(
    observers=4, steps=3, action_maps=2, grid=(9, 12), channels=6, observer_channels=5, hidden=4, width=4,
    blocks=(1, 1, 1, 1), categories=("cup", "tv"),
)  # fmt: skip
TINY_GAZEFORMER = GazeformerConfig(
    observers=4, steps=5, action_maps=3, grid=(3, 4), feature_channels=10, text_channels=7, channels=8, heads=2,
    feed_forward=9, encoder_layers=2, decoder_layers=2, observer_channels=5, hidden=4,
)  # fmt: skip
TINY_SQUARE = ChenLSTMConfig(
    observers=3, steps=3, action_maps=2, grid=(4, 4), channels=6, observer_channels=5, hidden=4, width=4,
    blocks=(1, 1, 1, 1),
)  # fmt: skip


@pytest.fixture
def tiny_chen() -> ChenLSTMISP:
    torch.manual_seed(0)
    return ChenLSTMISP(TINY_CHEN).eval()


@pytest.fixture
def tiny_gazeformer() -> GazeformerISP:
    torch.manual_seed(0)
    return GazeformerISP(TINY_GAZEFORMER).eval()


@pytest.fixture(scope="session")
def tiny_weights(saved: Callable[[Any], Path]) -> Path:
    """The folder of a tiny network for images of 32x32, saved."""
    torch.manual_seed(0)
    return saved(ChenLSTMISP(TINY_SQUARE))


@pytest.fixture(scope="module")
def every_layout(layouts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The published layouts, name -> shape, by variant."""
    return {name: _whole(layouts, layout) for name, layout in layouts.items()}


def _whole(layouts: dict[str, Any], layout: dict[str, Any]) -> dict[str, Any]:
    if "like" not in layout:
        return layout
    alike = {name: shape for name, shape in layouts[layout["like"]].items() if name not in layout["without"]}
    changed: dict[str, Any] = layout["changed"]
    return alike | changed
