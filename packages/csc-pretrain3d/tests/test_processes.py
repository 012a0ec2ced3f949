"""Two processes equal one to rounding: the contrast inside a batch, the prototypes, batch norms and the Lovasz loss."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from visioncore.testing.processes import check_runs_equal, load_script, logged, train_on_two

SCRIPT = Path(__file__).with_name("two_processes.py")


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.state import AcceleratorState

    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script(SCRIPT)


NAMES = ("step", "contrastive", "prototype", "cross_entropy", "lovasz", "loss")


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_two_processes_equal_one(script: ModuleType, tmp_path: Path, stage: str) -> None:
    script.run(stage, tmp_path / "one")
    ended = train_on_two(SCRIPT, stage, tmp_path / "two", folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    lines = logged(tmp_path / "one", NAMES)
    assert len(lines) == 6
    if stage == "pretrain":
        assert [line["prototype"] > 0 for line in lines] == [False, False, True, True, True, True]
    check_runs_equal(
        tmp_path / "one", tmp_path / "two", NAMES, ("model", "teacher") if stage == "pretrain" else ("model",)
    )
