"""A call that was made before, and left nothing to do, runs nothing; whatever it depends on makes it run again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from visioncore.commands import done_before
from visioncore.commands.done_before import skips_what_is_done
from visioncore.inference.batch import Summary
from visioncore.inference.jobs import Job
from visioncore.inference.record import open_record
from visioncore.methods import Checkpoint, find_methods

METHOD = find_methods()[0][0]


@dataclass
class Command:
    """A command that copies files, and counts its runs."""

    runs: int = 0
    fails: bool = False

    def predict(
        self, inputs: tuple[str, ...], out: Path, weights: str = "demo", overwrite: bool = False, **options: Any
    ) -> Summary:
        self.runs += 1
        files = sorted(
            file for each in inputs for file in ([Path(each)] if Path(each).is_file() else Path(each).rglob("*.png"))
        )
        jobs = [Job(file, out / file.name) for file in files if out not in file.parents]
        record = open_record(out, jobs, {"weights": weights})
        for job in jobs:
            shutil.copy(job.source, job.target)
            if record:
                record.add(job)
        return Summary([job.target for job in jobs], [], {Path("bad"): "so"} if self.fails else {})


@pytest.fixture
def command() -> Command:
    return Command()


@pytest.fixture
def predict(command: Command, tmp_path: Path) -> Callable[..., Any]:
    (tmp_path / "in").mkdir()
    for name in "ab":
        (tmp_path / "in" / f"{name}.png").write_text(name)
    ready = skips_what_is_done(METHOD, command.predict)
    start = {"inputs": (str(tmp_path / "in"),), "weights": "demo", "out": tmp_path / "out", "overwrite": False}
    return lambda **options: ready(**start | options)


def test_an_equal_call_runs_nothing(
    command: Command, predict: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(predict(), Summary)
    for _ in range(2):
        assert predict() == 0
        assert capsys.readouterr().out == f"0 done, 2 skipped as done before, 0 failed; results in {tmp_path / 'out'}\n"
    assert command.runs == 1
    assert isinstance(predict(overwrite=True), Summary)
    assert command.runs == 2


def change_input(folder: Path) -> None:
    (folder / "in" / "a.png").write_text("another")


def age_input(folder: Path) -> None:
    os.utime(folder / "in" / "a.png", (1e9, 1e9))


def add_input(folder: Path) -> None:
    (folder / "in" / "c.png").write_text("c")


def move_input(folder: Path) -> None:
    (folder / "in" / "a.png").rename(folder / "in" / "c.png")


def lose_result(folder: Path) -> None:
    (folder / "out" / "a.png").unlink()


def cut_result(folder: Path) -> None:
    (folder / "out" / "a.png").write_text("")


def lose_record(folder: Path) -> None:
    (folder / "out" / "made.jsonl").unlink()


def cut_record(folder: Path) -> None:
    record = folder / "out" / "made.jsonl"
    record.write_bytes(record.read_bytes()[:-9])


CHANGES = [change_input, age_input, add_input, move_input, lose_result, cut_result, lose_record, cut_record]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_it_runs_again_after(
    command: Command, predict: Callable[..., Any], tmp_path: Path, change: Callable[[Path], None]
) -> None:
    predict()
    change(tmp_path)
    predict()
    assert command.runs == 2
    predict()
    assert command.runs == 2


def test_other_options_run(command: Command, predict: Callable[..., Any], tmp_path: Path) -> None:
    predict()
    predict(tiles="whole")
    assert command.runs == 2
    predict(tiles="whole")
    assert command.runs == 2
    # what the first call made was made anew
    predict()
    assert command.runs == 3


def test_weights_in_files_count(command: Command, predict: Callable[..., Any], tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "config.json").write_text("{}")
    predict(weights=str(weights))
    predict(weights=str(weights))
    assert command.runs == 1
    os.utime(weights / "config.json", (1e9, 1e9))
    predict(weights=str(weights))
    assert command.runs == 2


def test_fetched_weights_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VISIONCORE_CACHE", str(tmp_path))
    method = replace(METHOD, checkpoints=(Checkpoint("sam", "x", "https://x.org/sam.pth", "", "", reads="sam"),))
    options = {"inputs": (), "weights": "demo", "sam": "sam", "out": tmp_path / "out"}
    before = done_before._key(method, "predict", options)
    file = tmp_path / "weights" / method.name / "sam" / "sam.pth"
    file.parent.mkdir(parents=True)
    file.write_text("x")
    assert before != done_before._key(method, "predict", options) is not None


@pytest.mark.parametrize("weights", ["somebody/something", "nowhere"])
def test_weights_of_a_hub_may_change_any_time(command: Command, predict: Callable[..., Any], weights: str) -> None:
    predict(weights=weights)
    predict(weights=weights)
    assert command.runs == 2


def test_files_that_name_others_are_no_proof(command: Command, predict: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("a.png")
    for _ in range(2):
        predict(pairs=str(tmp_path / "list.csv"))
    assert command.runs == 2


def test_a_call_in_which_a_file_failed_runs_again(command: Command, predict: Callable[..., Any]) -> None:
    command.fails = True
    predict()
    predict()
    assert command.runs == 2


def test_one_of_several_processes_runs(
    command: Command, predict: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    predict()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    predict()
    assert command.runs == 2


def test_results_inside_the_inputs_change_nothing(
    command: Command, predict: Callable[..., Any], tmp_path: Path
) -> None:
    for _ in range(2):
        predict(out=tmp_path / "in" / "out")
    assert command.runs == 1


def test_a_command_that_skips_nothing_runs() -> None:
    runs = []

    def bench(out: Path) -> None:
        runs.append(out)

    ready = skips_what_is_done(METHOD, bench)
    ready(out=Path("out"))
    ready(out=Path("out"))
    assert len(runs) == 2


def test_nothing_to_do_loads_no_torch() -> None:
    lines = "import sys", "from visioncore.commands import shared", "print({'torch', 'numpy'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_record_of_a_run_is_of_the_call_that_was_made(
    command: Command, predict: Callable[..., Any], tmp_path: Path
) -> None:
    def results() -> list[str]:
        about = json.loads((tmp_path / "out" / "run.json").read_text())
        return [*about["done"], *about["skipped"]]

    one = {name: (str(tmp_path / "in" / f"{name}.png"),) for name in "ab"}
    for name in "ab":
        predict(inputs=one[name])
    predict(inputs=one["a"])
    assert command.runs == 2
    assert results() == ["a.png"]
    written = (tmp_path / "out" / "run.json").stat().st_mtime_ns
    predict(inputs=one["a"])
    assert (tmp_path / "out" / "run.json").stat().st_mtime_ns == written
