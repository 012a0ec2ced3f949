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
from visioncore.report import Table
from visioncore.timing import Timed, in_turns, seconds_of, write_figures

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
    timed = in_turns({"reference": lambda: order.append("reference"), "fast": lambda: order.append("fast")}, CPU, 3)
    assert order[-6:] == ["reference", "fast"] * 3
    assert (timed["reference"].seconds, timed["reference"].ratio) == (2.0, 1.0)
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


def test_what_cannot_be_measured() -> None:
    with pytest.raises(InputError, match="rounds is 0; at least one"):
        in_turns({"reference": lambda: None}, CPU, 0)


def test_what_is_written(tmp_path: Path) -> None:
    table = Table(("path", "ms"))
    table.add("reference", 1000.0)
    write_figures(tmp_path / "bench.json", table, CPU, 1, network="a network")
    report = json.loads((tmp_path / "bench.json").read_text())
    assert (report["network"], report["device"], report["rounds"]) == ("a network", "cpu", 1)
    assert report["threads"] >= 1
    assert "processor" in report["machine"]
    assert report["rows"] == [{"path": "reference", "ms": 1000}]
