"""What the tests share: a network and folders of photos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from csc_pretrain3d import CSC
from csc_pretrain3d.data.synthetic import make_photos
from visioncore.images import Image, from_tensor, write_image


@pytest.fixture(scope="session")
def tiny_weights(saved: Callable[[Any], Path]) -> Path:
    """The folder of a network that changes nothing, saved."""
    return saved(CSC())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of two bright photos."""
    for name, photo in zip("ab", make_photos(2), strict=True):
        write_image(tmp_path / "photos" / f"{name}.png", from_tensor(photo[None]))
    return tmp_path / "photos"


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A folder of two pairs, one of them in a folder of its own, half as bright in ``input`` as in ``target``."""
    for name, photo in zip(("a.png", "more/b.png"), make_photos(2), strict=True):
        pixels = from_tensor(photo[None]).pixels
        write_image(tmp_path / "pairs" / "target" / name, Image(pixels))
        write_image(tmp_path / "pairs" / "input" / name, Image(pixels // 2))
    return tmp_path / "pairs"
