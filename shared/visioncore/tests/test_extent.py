"""Configurations of absurd size are refused before memory is given to a network."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from visioncore.configs import check_most
from visioncore.errors import InputError
from visioncore.testing.refusals import refusal
from visioncore.weights.pretrained import Pretrained


@dataclass(frozen=True)
class Config:
    width: int = 4
    layers: int = 2
    sizes: tuple[int, ...] = (1, 2)
    limit: int | None = None


class Net(Pretrained):
    config_class = Config

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.Sequential(*(nn.Linear(config.width, config.width) for _ in range(config.layers)))
        self.register_buffer("table", torch.zeros(8), persistent=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    Net(Config()).save_pretrained(tmp_path / "net")
    return tmp_path / "net"


def test_what_was_saved_is_read(folder: Path) -> None:
    model = Net.from_pretrained(folder)
    assert all(parameter.device.type == "cpu" and parameter.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"width": 10**9}, "describes a network far larger than its weights"),
        ({"width": 2**62}, "describes a network that cannot be built"),
        ({"width": -3}, "describes a network that cannot be built"),
        ({"layers": 10**9}, "describes a network far larger than its weights"),
        ({"width": 40_000}, "describes a network far larger than its weights"),
        ({"width": 5}, "these weights do not fit Net"),
        ({"layers": 3}, "2 missing"),
        ({"model": ["Net"] * 1000}, "describes the model ["),
        ({"visioncore": 10**30}, "has format"),
    ],
)
def test_absurd_sizes_are_refused_before_they_are_built(folder: Path, changed: dict[str, Any], reason: str) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    began = time.perf_counter()
    message = refusal(Net.from_pretrained, folder)
    assert reason in message
    assert len(message) < 600
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize("text", ["[" * 100_000, '{"width": ' + "9" * 5000 + "}", '{"a": \x00}', "\ufeff{"])
def test_a_config_that_is_no_json(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    assert "config.json: this is not JSON" in refusal(Net.from_pretrained, folder)


def test_a_config_that_is_too_long(folder: Path) -> None:
    with (folder / "config.json").open("wb") as file:
        file.truncate(20_000_000)
    assert "more than 10 MB" in refusal(Net.from_pretrained, folder)


def test_nothing_is_left_of_the_count(folder: Path) -> None:
    Net.from_pretrained(folder)
    assert sum(parameter.numel() for parameter in Net(Config(width=4000)).parameters()) == 2 * 4000 * 4001


def test_highest_values() -> None:
    check_most(Config(), width=4, layers=2, sizes=2, limit=1)
    with pytest.raises(InputError, match=r"^width is 4; it must be at most 3$"):
        check_most(Config(), width=3)
    with pytest.raises(InputError, match=r"^data\.sizes is \(1, 2\); it must be at most 1$"):
        check_most(Config(), "data.", sizes=1)
