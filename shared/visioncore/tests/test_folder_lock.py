"""A lock names its owner, and one whose owner is gone is taken over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from visioncore.errors import InputError
from visioncore.files import FolderLock

OWNER = """
import sys, time
from pathlib import Path
from visioncore.files import FolderLock
FolderLock(Path(sys.argv[1]), "trains").take(print)
print("taken", flush=True)
time.sleep(60)
"""


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the lock on ``tmp_path``."""
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        yield process
        process.kill()


def nothing(line: str) -> None:
    raise AssertionError(f"nothing was to be told: {line}")


def test_one_owner_at_a_time(tmp_path: Path, owner: subprocess.Popen[str]) -> None:
    with pytest.raises(InputError) as caught:
        FolderLock(tmp_path, "trains").take(nothing)
    host = json.loads((tmp_path / ".lock").read_text())["host"]
    assert str(caught.value) == (
        f"{tmp_path}: process {owner.pid} on {host} trains there; wait until it ends, or name another folder"
    )


@pytest.mark.skipif(os.name == "nt", reason="there is no such signal")
def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path, owner: subprocess.Popen[str]) -> None:
    owner.send_signal(signal.SIGKILL)
    while (tmp_path / ".lock").exists() and owner.returncode is None and not _zombie(owner.pid):
        time.sleep(0.01)
    said: list[str] = []
    lock = FolderLock(tmp_path, "trains")
    lock.take(said.append)
    assert len(said) == 1
    assert f"of process {owner.pid} on " in said[0]
    assert said[0].endswith("which is gone; taken over")
    with pytest.raises(InputError, match=f"process {os.getpid()} on .* trains there"):
        FolderLock(tmp_path, "trains").take(nothing)
    lock.release()
    assert not (tmp_path / ".lock").exists()


def _zombie(process: int) -> bool:
    import psutil

    return psutil.Process(process).status() == psutil.STATUS_ZOMBIE


def test_what_is_released_can_be_taken_again(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path, "trains"), FolderLock(tmp_path, "trains")
    first.take(nothing)
    first.release()
    second.take(nothing)
    first.path.write_text("of another")
    second.release()
    assert first.path.read_text() == "of another"


ELSEWHERE = '{"host": "elsewhere", "process": 1, "began": 1.0}'


@pytest.fixture
def short_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visioncore.files.lock._WATCH_SECONDS", 0.3)
    monkeypatch.setattr("visioncore.files.lock._LOOK_SECONDS", 0.02)


def test_an_owner_elsewhere_that_gave_a_sign_lately_is_watched(tmp_path: Path, short_watch: None) -> None:
    (tmp_path / ".lock").write_text(ELSEWHERE)
    said: list[str] = []
    FolderLock(tmp_path, "trains").take(said.append)
    assert [line.endswith(end) for line, end in zip(said, ("for a sign of it", "taken over"), strict=True)] == [
        True
    ] * 2


def test_an_owner_elsewhere_that_gives_a_sign_keeps_the_lock(tmp_path: Path, short_watch: None) -> None:
    (tmp_path / ".lock").write_text(ELSEWHERE)
    said: list[str] = []

    def give_a_sign(line: str) -> None:
        said.append(line)
        Timer(0.1, os.utime, ((tmp_path / ".lock"), (time.time() + 5,) * 2)).start()

    with pytest.raises(InputError, match="process 1 on elsewhere trains there"):
        FolderLock(tmp_path, "trains").take(give_a_sign)
    assert len(said) == 1
    assert (tmp_path / ".lock").read_text() == ELSEWHERE


@pytest.mark.parametrize("text", ["", "[1]", '{"host": 3}'])
def test_an_unknown_owner_is_gone_when_it_is_silent(tmp_path: Path, text: str) -> None:
    (tmp_path / ".lock").write_text(text)
    with pytest.raises(InputError, match="trains there"):
        FolderLock(tmp_path, "trains").take(nothing)
    os.utime(tmp_path / ".lock", (time.time() - 1000,) * 2)
    said: list[str] = []
    FolderLock(tmp_path, "trains").take(said.append)
    assert len(said) == 1


def test_another_process_of_that_number_is_no_owner(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path, "trains")
    lock.take(nothing)
    owner = json.loads(lock.path.read_text())
    lock.path.write_text(json.dumps(owner | {"began": owner["began"] - 1000}))
    said: list[str] = []
    FolderLock(tmp_path, "trains").take(said.append)
    assert len(said) == 1
