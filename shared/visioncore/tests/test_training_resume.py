"""Runs that are cut short and go on, in processes of their own and in several at once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from visioncore.errors import InputError
from visioncore.testing.processes import Ended, load_script, run_scripts

Start = Callable[..., Ended]
SCRIPT = Path(__file__).with_name("training_run.py")
DROPOUT = 0.3
FIGURES = ("samples_per_s", "memory_mb", "time")


@pytest.fixture(scope="module")
def tiny() -> ModuleType:
    return load_script(SCRIPT)


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.state import AcceleratorState

    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def whole(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with dropout that nothing interrupted."""
    os.environ["ACCELERATE_USE_CPU"] = "1"
    out = tmp_path_factory.mktemp("whole")
    tiny.run(out, dropout=DROPOUT)
    return out


@pytest.fixture(scope="module")
def single(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process without dropout, which processes could not share."""
    out = tmp_path_factory.mktemp("single")
    tiny.run(out)
    return out


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Runs the script in a process of its own."""
    folder = tmp_path_factory.mktemp("stderr")
    return lambda *words: run_scripts(SCRIPT, *words, folder=folder, each=({"ACCELERATE_USE_CPU": "1"},))


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.fixture
def start_two(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Runs the script in two processes at once, with the variables that accelerate launch sets."""
    folder = tmp_path_factory.mktemp("stderr")
    common = {"ACCELERATE_USE_CPU": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port(), "WORLD_SIZE": "2"}
    ranks = tuple({**common, "RANK": rank, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": "2"} for rank in ("0", "1"))
    return lambda *words: run_scripts(SCRIPT, *words, folder=folder, each=ranks)


def launch_two(*words: object) -> subprocess.CompletedProcess[str]:
    """Run the script in two processes that accelerate launch starts."""
    # Its --cpu would silently start one process without MPI; ACCELERATE_USE_CPU=1 keeps these two on the CPU.
    launcher = ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1")
    more = ("--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", free_port())
    return subprocess.run(
        [sys.executable, *launcher, *more, str(SCRIPT), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        start_new_session=True,
        check=False,
    )


def losses(out: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in FIGURES} for line in lines]


def files_of_the_last_checkpoint(out: Path) -> dict[str, Any]:
    folder = out / "checkpoints" / "step-00000030"
    optimizer = torch.load(folder / "optimizer.bin", weights_only=True)["state"]
    moments = {f"{key}.{name}": value for key, state in optimizer.items() for name, value in state.items()}
    generators = torch.load(folder / "generators-0.pt", weights_only=True)
    return {
        **load_file(folder / "model.safetensors"),
        **{f"ema.{name}": value for name, value in load_file(folder / "ema-0.safetensors").items()},
        **{f"last.{name}": value for name, value in load_file(out / "last" / "model.safetensors").items()},
        **moments,
        "generator": generators["cpu"],
    }


def assert_same_run(out: Path, reference: Path) -> None:
    assert losses(out) == losses(reference)
    ours, theirs = files_of_the_last_checkpoint(out), files_of_the_last_checkpoint(reference)
    assert ours.keys() == theirs.keys()
    differing = [name for name in ours if not torch.equal(ours[name], theirs[name])]
    assert not differing


def steps_kept(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "checkpoints").iterdir())


def test_killed_and_resumed_is_bit_for_bit_the_same(
    start: Start, tiny: ModuleType, whole: Path, tmp_path: Path
) -> None:
    killed = start(tmp_path, "--dropout", DROPOUT, "--kill", 17)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert steps_kept(tmp_path) == ["step-00000010"]
    assert [line["step"] for line in losses(tmp_path)] == [4, 8, 12, 16]
    tiny.run(tmp_path, dropout=DROPOUT)
    assert_same_run(tmp_path, whole)


def test_killed_and_interrupted_with_workers(start: Start, tiny: ModuleType, whole: Path, tmp_path: Path) -> None:
    arguments = (tmp_path, "--dropout", DROPOUT, "--workers", 2)
    killed = start(*arguments, "--kill", 17)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    # A terminal's Ctrl-C reaches the loading processes too; they must still deliver what the step needs.
    interrupted = start(*arguments, "--begin", 10, "--interrupt", 23)
    assert "stopped after step 23 of 30" in interrupted.stderr
    assert steps_kept(tmp_path) == ["step-00000020", "step-00000023"]
    tiny.run(tmp_path, dropout=DROPOUT)
    assert_same_run(tmp_path, whole)


def test_kill_while_a_checkpoint_is_written(start: Start, tiny: ModuleType, whole: Path, tmp_path: Path) -> None:
    killed = start(tmp_path, "--dropout", DROPOUT, "--kill-writing", 15)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert steps_kept(tmp_path) == [".step-00000020.partial", "step-00000010"]
    tiny.run(tmp_path, dropout=DROPOUT)
    assert steps_kept(tmp_path) == ["step-00000020", "step-00000030"]
    assert_same_run(tmp_path, whole)


def test_a_damaged_checkpoint_is_skipped(
    tiny: ModuleType, whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ZeroDivisionError):
        tiny.run(tmp_path, dropout=DROPOUT, events={25: lambda: 1 // 0})
    damaged = tmp_path / "checkpoints" / "step-00000020" / "optimizer.bin"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    tiny.run(tmp_path, dropout=DROPOUT)
    assert f"{damaged.parent}: skipped, optimizer.bin is damaged" in capfd.readouterr().err
    assert_same_run(tmp_path, whole)


def test_sigterm_writes_a_checkpoint(
    tiny: ModuleType, whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        tiny.run(tmp_path, dropout=DROPOUT, events={7: lambda: os.kill(os.getpid(), signal.SIGTERM)})
    assert signal.getsignal(signal.SIGTERM) == before
    assert steps_kept(tmp_path) == ["step-00000007"]
    assert "stopped after step 7 of 30; the same command goes on from there" in capfd.readouterr().err
    tiny.run(tmp_path, dropout=DROPOUT)
    assert_same_run(tmp_path, whole)


def test_two_trainings_do_not_share_a_folder(
    tiny: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []

    def another() -> None:
        with pytest.raises(InputError) as caught:
            tiny.run(tmp_path)
        told.append(str(caught.value))

    with pytest.raises(ZeroDivisionError):
        tiny.run(tmp_path, events={3: another, 15: lambda: 1 // 0})
    assert len(told) == 1
    assert told[0].startswith(f"{tmp_path}: process {os.getpid()} on ")
    assert told[0].endswith(" trains there; wait until it ends, or name another folder")
    assert steps_kept(tmp_path) == ["step-00000010"]
    assert not (tmp_path / ".lock").exists()


def test_the_lock_of_a_killed_run_is_taken_over(
    tiny: ModuleType, start: Start, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert start(tmp_path, "--kill", 12).returncode == -signal.SIGKILL
    assert (tmp_path / ".lock").exists()
    tiny.run(tmp_path, begin=10)
    assert "which is gone; taken over" in capfd.readouterr().err
    assert not (tmp_path / ".lock").exists()


def test_a_process_that_waits_for_others_says_so() -> None:
    code = (
        "from visioncore.training import LoopConfig, accelerator\n"
        "accelerator.SECONDS_UNTIL_TOLD = 0.1\n"
        "accelerator.start_accelerator(LoopConfig(steps=1, batch_size=1))"
    )
    alone = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    environment = {**os.environ, "ACCELERATE_USE_CPU": "1", "LOCAL_RANK": "0", **alone}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        process.kill()
    assert line.startswith("process 0 of 2 (RANK, WORLD_SIZE) waits for the others at 127.0.0.1:")


def test_generators_are_restored_without_the_files_of_accelerate(tiny: ModuleType, whole: Path, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        tiny.run(tmp_path, dropout=DROPOUT, events={15: lambda: 1 // 0})
    folder = tmp_path / "checkpoints" / "step-00000010"
    (folder / "random_states_0.pkl").unlink()
    files = json.loads((folder / "manifest.json").read_text())
    del files["random_states_0.pkl"]
    (folder / "manifest.json").write_text(json.dumps(files))
    tiny.run(tmp_path, dropout=DROPOUT)
    assert_same_run(tmp_path, whole)


def test_a_refused_write_leaves_the_last_checkpoint(tiny: ModuleType, whole: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(InputError, match=r"step-00000020: could not be written \(.*File too large.*\)"):
            tiny.run(
                tmp_path,
                dropout=DROPOUT,
                events={15: lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (700, before[1]))},
                log_every=30,
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    tiny.run(tmp_path, dropout=DROPOUT)
    assert files_of_the_last_checkpoint(tmp_path).keys() == files_of_the_last_checkpoint(whole).keys()


def close(out: Path, reference: Path) -> None:
    ours, theirs = losses(out), losses(reference)
    assert len(ours) == len(theirs)
    for line, expected in zip(ours, theirs, strict=True):
        assert line == pytest.approx(expected, rel=2e-6)
    weights = load_file(out / "last" / "model.safetensors")
    for name, weight in load_file(reference / "last" / "model.safetensors").items():
        torch.testing.assert_close(weights[name], weight, rtol=1e-4, atol=1e-6)


def test_two_processes_follow_one(tiny: ModuleType, single: Path, tmp_path: Path) -> None:
    """Begun by two processes with half a batch each, stopped through one of them, finished by one process."""
    stopped = launch_two(tmp_path, "--terminate", 13)
    assert "stopped after step 13 of 30" in stopped.stderr
    assert steps_kept(tmp_path) == ["step-00000010", "step-00000013"]
    assert (tmp_path / "checkpoints" / "step-00000013" / "generators-1.pt").exists()
    tiny.run(tmp_path)
    close(tmp_path, single)


def test_two_processes_with_accumulation_go_on_from_one(
    start_two: Start, tiny: ModuleType, single: Path, tmp_path: Path
) -> None:
    with pytest.raises(ZeroDivisionError):
        tiny.run(tmp_path, events={12: lambda: 1 // 0})
    finished = start_two(tmp_path, "--accumulate", 2)
    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "checkpoints" / "step-00000030" / "generators-1.pt").exists()
    close(tmp_path, single)


def test_two_processes_with_parameters_that_some_steps_leave_out(
    start_two: Start, tiny: ModuleType, tmp_path: Path
) -> None:
    tiny.run(tmp_path / "one", sometimes=True)
    finished = start_two(tmp_path / "two", "--sometimes")
    assert finished.returncode == 0, finished.stderr
    close(tmp_path / "two", tmp_path / "one")


def test_accumulation_averages(tiny: ModuleType, single: Path, tmp_path: Path) -> None:
    tiny.run(tmp_path, accumulate=4)
    close(tmp_path, single)
