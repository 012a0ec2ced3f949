"""Two processes equal one to rounding, batch norms and all."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from visioncore.testing.processes import load_script, run_scripts

SCRIPT = Path(__file__).with_name("tiny_runs.py")


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.state import AcceleratorState

    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script(SCRIPT)


def losses(out: Path) -> list[dict[str, Any]]:
    names = ("step", "perceptual", "shift", "affine", "noise", "loss")
    lines = map(json.loads, (out / "log.jsonl").read_text().splitlines())
    return [{name: line[name] for name in names if name in line} for line in lines if "loss" in line]


@pytest.mark.parametrize("stage", ["autoencoder", "motion", "frame"])
def test_two_processes_equal_one(script: ModuleType, tmp_path: Path, stage: str) -> None:
    script.run(stage, tmp_path / "one")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "1"}
    each = tuple({**common, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"} for rank in (0, 1))
    ended = run_scripts(SCRIPT, stage, tmp_path / "two", folder=tmp_path, each=each)
    assert ended.returncode == 0, ended.stderr
    ours, theirs = losses(tmp_path / "two"), losses(tmp_path / "one")
    assert len(ours) == len(theirs) == 4
    for line, expected in zip(ours, theirs, strict=True):
        assert line == pytest.approx(expected, rel=2e-4)
    two, one = (load_file(tmp_path / which / "last" / "model.safetensors") for which in ("two", "one"))
    assert two.keys() == one.keys()
    for key, tensor in one.items():
        torch.testing.assert_close(two[key], tensor, rtol=2e-3, atol=2e-4, msg=key)
