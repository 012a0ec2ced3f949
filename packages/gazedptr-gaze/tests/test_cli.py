"""The commands of this method, from one to the next."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from gazedptr_gaze import GazePTR, load_model
from gazedptr_gaze.cli import main
from gazedptr_gaze.network.published import to_published
from visioncore.testing.suites.base import Run, as_options, refuses

TINY = {"model.image_size": 64, "model.widths": "[4, 4, 8, 8]", "model.dim": 8, "model.heads": 2, "model.layers": 1}


@pytest.fixture
def run(run_program: Callable[..., tuple[int, str, str]]) -> Run:
    """Runs a command in this process."""
    return partial(run_program, main)


def test_train_and_evaluate(run: Run, drivers: Path, tmp_path: Path) -> None:
    fields = TINY | {"model.variant": "gazedptr_v2", "test_fold": 2, "loop.batch_size": 4, "loop.steps": 2}
    last, tables = tmp_path / "run" / "last", tmp_path / "tables"
    words = ("train", "--recipe", "demo", "--out", last.parent, "--data", drivers, *as_options(fields))
    code, said, told = run(*words)
    assert (code, said) == (0, f"2 steps; weights in {last}\n")
    assert "12 samples to train on, 2 steps; 6 of fold 2 to validate on" in told
    validated = [line for line in map(json.loads, (last.parent / "log.jsonl").open()) if "validation" in line]
    means = []
    for made_by in (("--weights", last, "--device", "cpu"), ("--results", tables)):
        code, said, _ = run("evaluate", "--data", drivers, *made_by, "--folds", 2, "--out", tables)
        assert code == 0
        assert said.endswith(f"tables: {tables}\n")
        with (tables / "summary.csv").open() as file:
            means.append(next(row for row in csv.DictReader(file) if row["fold"] == "all"))
    assert means[0] == means[1]
    assert float(means[0]["error_sound"]) == pytest.approx(validated[-1]["validation"]["angular_error"], rel=1e-4)
    assert {"zones.csv", "recalls.md", "groups.csv", "confusion_log.csv"} <= {path.name for path in tables.iterdir()}
    code, said, _ = run("check-labels", "--data", drivers)
    assert code == 0


def test_convert_and_info(run: Run, tmp_path: Path) -> None:
    network = GazePTR()
    torch.save(to_published(network), tmp_path / "theirs.pt")
    code, said, _ = run("convert", tmp_path / "theirs.pt", "--out", tmp_path / "ours")
    assert code == 0
    count = sum(parameter.numel() for parameter in network.parameters())
    assert said.endswith(f"{count:,} parameters; weights in {tmp_path / 'ours'}\n")
    ours: Any = load_model(tmp_path / "ours")
    assert torch.equal(ours.gaze_head.weight, network.gaze_head.weight)
    assert "gazeptr" in run("info", "--weights", tmp_path / "ours")[1]


def test_bad_input_is_one_line(run: Run, drivers: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    for words, told in (
        (("evaluate", "--data", drivers, *out), "give either --weights or --results"),
        (("evaluate", "--data", drivers, "--weights", "none", *out, "--protocols", "exact"), "protocols"),
        (("evaluate", "--data", tmp_path / "none", "--weights", "none", *out), f"{tmp_path / 'none'}: no such"),
        (("evaluate", "--data", drivers, "--weights", "none", "--folds", "4", *out), "fold is 4; it must be 1, 2 or 3"),
        (("train", "--recipe", "demo", "--data", tmp_path / "none", *out), f"{tmp_path / 'none'}: no such"),
        (("train", "--recipe", "demo", "--imagenet", "none.pth", *out), "none.pth"),
        (("check-labels", "--data", tmp_path / "none"), f"{tmp_path / 'none'}: no such"),
    ):
        refuses(run, *words, told=told)
