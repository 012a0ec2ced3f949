"""Two processes equal one to rounding, batch norms and all."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from visioncore.testing.processes import check_runs_equal, load_script, logged, train_on_two

SCRIPT = Path(__file__).with_name("tiny_runs.py")


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.state import AcceleratorState

    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script(SCRIPT)


NAMES = ("step", "perceptual", "shift", "affine", "noise", "loss")


@pytest.mark.parametrize("stage", ["autoencoder", "motion", "frame"])
def test_two_processes_equal_one(script: ModuleType, tmp_path: Path, stage: str) -> None:
    script.run(stage, tmp_path / "one")
    ended = train_on_two(SCRIPT, stage, tmp_path / "two", folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert len(logged(tmp_path / "one", NAMES)) == 4
    check_runs_equal(tmp_path / "one", tmp_path / "two", NAMES)
