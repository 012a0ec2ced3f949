"""What the tests share: a tiny network and data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch

from nerdrain_derain import NeRDRain, NeRDRainConfig
from visioncore.images import Image, write_image
from visioncore.testing.photos import photo

TINY = NeRDRainConfig(dim=8, num_blocks=(1, 1, 1), inr_hidden=16)


@pytest.fixture
def tiny() -> NeRDRain:
    torch.manual_seed(0)
    return NeRDRain(TINY).eval()


@pytest.fixture(scope="session")
def tiny_weights(saved: Callable[[Any], Path]) -> Path:
    """The folder of a tiny network, saved."""
    torch.manual_seed(0)
    return saved(NeRDRain(TINY))


@pytest.fixture
def make_pairs(tmp_path: Path) -> Callable[..., Path]:
    """Writes ``tmp_path/name/input`` and ``target`` with images of the given (rainy, clean) names."""

    def write(
        names: Iterable[tuple[str, str]], name: str = "data", size: tuple[int, int] = (32, 48), seed: int = 0
    ) -> Path:
        for number, (rainy, clean) in enumerate(names):
            pixels = photo(*size, seed=seed + number)
            write_image(tmp_path / name / "input" / rainy, Image(pixels // 2 + 100))
            write_image(tmp_path / name / "target" / clean, Image(pixels))
        return tmp_path / name

    return write
