"""Measurements in turns: medians of rounds, memory, and what is written of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from visioncore import timing
from visioncore.errors import InputError
from visioncore.timing import IMAGE_COLUMNS, Timed, image_table, in_turns, seconds_of, write_figures

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list of durations that works take one after the other, in place of time itself."""
    left: list[float] = []

    def seconds(work: Callable[[], object], device: torch.device) -> float:
        work()
        return left.pop(0)

    monkeypatch.setattr(timing, "seconds_of", seconds)
    return left


def test_ratios_are_of_the_same_round(clock: list[float]) -> None:
    # the machine is twice as slow in the second round, and ten times in the third
    clock += [1.0, 0.5, 2.0, 1.2, 10.0, 4.0]
    order: list[str] = []
    timed = in_turns({"plain": lambda: order.append("plain"), "fast": lambda: order.append("fast")}, CPU, 3)
    assert order[-6:] == ["plain", "fast"] * 3
    assert (timed["plain"].seconds, timed["plain"].ratio) == (2.0, 1.0)
    assert (timed["fast"].seconds, timed["fast"].ratio) == (1.2, 0.5)
    assert clock == []


def test_outputs_and_memory() -> None:
    def work() -> Tensor:
        return torch.zeros(2**20, dtype=torch.uint8)

    timed = in_turns({"a": work}, CPU, 1)["a"]
    assert isinstance(timed, Timed)
    assert timed.output.shape == (2**20,)
    assert timed.extra_mb == pytest.approx(1, rel=0.01)
    assert timed.seconds > 0
    assert in_turns({}, CPU, 1) == {}


def test_time_passes() -> None:
    def wait() -> None:
        end = torch.rand(400, 400)
        for _ in range(20):
            end = end @ end

    assert seconds_of(wait, CPU) > seconds_of(lambda: None, CPU) >= 0


def test_images(clock: list[float]) -> None:
    clock += [0.5, 0.25] * 4
    paths = {
        "plain": (lambda image: image * 0.5, "float32"),
        "fast": (lambda image: image * 0.5 + 0.01, "bfloat16"),
    }
    table = image_table(paths, [8, 12], multiple=4, channels=1, device=CPU, rounds=2)
    assert tuple(table.columns) == IMAGE_COLUMNS
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [(row["path"], row["size"], row["dtype"]) for row in rows] == [
        (path, size, dtype) for size in (8, 12) for path, dtype in (("plain", "float32"), ("fast", "bfloat16"))
    ]
    assert [(row["ms"], row["images_per_s"], row["ratio_to_plain"]) for row in rows] == [(500, 2, 1), (250, 4, 0.5)] * 2
    assert [row["psnr_to_plain"] for row in rows] == [None, pytest.approx(40, abs=1e-3)] * 2


@pytest.mark.parametrize(
    ("size", "rounds", "told"),
    [
        (6, 1, "size is 6; it must be a positive multiple of 4"),
        (0, 1, "size is 0"),
        (8, 0, "rounds is 0; at least one"),
    ],
)
def test_what_cannot_be_measured(size: int, rounds: int, told: str) -> None:
    with pytest.raises(InputError, match=told):
        image_table({"plain": (torch.neg, "float32")}, [size], multiple=4, device=CPU, rounds=rounds)


@pytest.fixture
def figures(tmp_path: Path, clock: list[float]) -> Path:
    clock += [1.0]
    table = image_table({"plain": (torch.neg, "float32")}, [4], multiple=4, device=CPU, rounds=1)
    write_figures(tmp_path / "bench.json", table, CPU, 1, network="a network")
    return tmp_path / "bench.json"


def test_what_is_written(figures: Path) -> None:
    report = json.loads(figures.read_text())
    assert (report["network"], report["device"], report["rounds"]) == ("a network", "cpu", 1)
    assert report["threads"] >= 1
    assert "processor" in report["machine"]
    (row,) = report["rows"]
    assert set(row) == set(IMAGE_COLUMNS)
    assert (row["path"], row["ms"]) == ("plain", 1000)
