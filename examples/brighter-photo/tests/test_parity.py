"""The published network's numbers, in double precision; all else rests on them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from brighter_photo import Brighter
from brighter_photo.network.fast import FastBrighter
from brighter_photo.network.published import to_published
from brighter_photo.network.reference import as_reference
from visioncore.errors import InputError

PUBLISHED = {"state_dict": {"module.g": torch.tensor([0.5, 0.0, -0.5], dtype=torch.float64)[:, None, None]}}
EXPECTED = torch.tensor([1.6487212707001282, 1.0, 0.6065306597126334], dtype=torch.float64)


@pytest.fixture
def model(tmp_path: Path) -> Brighter:
    torch.save(PUBLISHED, tmp_path / "theirs.pth")
    return Brighter.from_published(tmp_path / "theirs.pth").double()


def test_published_network(model: Brighter) -> None:
    white = torch.ones(1, 3, 1, 1, dtype=torch.float64)
    for network in (model, as_reference(model), FastBrighter(model)):
        torch.testing.assert_close(network(white).flatten(), EXPECTED, rtol=1e-9, atol=0)


def test_fast_path_is_the_reference(model: Brighter) -> None:
    images = torch.rand(2, 3, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = as_reference(model)(images)
    torch.testing.assert_close(model(images), expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(FastBrighter(model)(images), expected, rtol=1e-12, atol=0)


def test_back_to_published_names(model: Brighter, tmp_path: Path) -> None:
    torch.save(to_published(model), tmp_path / "back.pth")
    again = Brighter.from_published(tmp_path / "back.pth")
    assert torch.equal(again.gain.log_gain, model.gain.log_gain.float())


def test_every_published_tensor_counts(tmp_path: Path) -> None:
    torch.save({"g": torch.zeros(3, 1, 1), "left_over": torch.zeros(1)}, tmp_path / "theirs.pth")
    with pytest.raises(InputError, match="left_over"):
        Brighter.from_published(tmp_path / "theirs.pth")
