"""Many files: where results go, what is skipped, what survives a broken file, and what runs beside what."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from visioncore.errors import InputError
from visioncore.files.partial import partial_path
from visioncore.inference.batch import AHEAD, Summary, my_share, process_files
from visioncore.inference.jobs import Job, plan_jobs, plan_results


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def plan(inputs: list[str | Path], out: Path, suffix: Callable[[Path], str] = lambda _: ".txt") -> dict[str, str]:
    """Return {source: target}, both as text, targets relative to ``out``."""
    jobs = plan_jobs(inputs, (".a", ".b", ".txt"), out, suffix)
    return {str(job.source): job.target.relative_to(out).as_posix() for job in jobs}


def jobs_of(folder: Path, *names: str) -> list[Job]:
    touch(folder, *names)
    return [Job(folder / name, folder / "out" / name) for name in names]


def write(text: str, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    target.write_text(text)


# where results go


def test_files_go_by_name_and_folders_keep_their_shape(tmp_path: Path) -> None:
    touch(tmp_path, "one.a", "folder/2.a", "folder/10.a", "folder/deep/3.b", "folder/other.xyz")
    planned = plan([tmp_path / "one.a", tmp_path / "folder"], tmp_path / "out")
    assert list(planned.values()) == ["one.txt", "2.txt", "10.txt", "deep/3.txt"]
    assert next(iter(planned)) == str(tmp_path / "one.a")


def test_one_input_may_go_to_a_file_beside_it(tmp_path: Path) -> None:
    touch(tmp_path, "one.a", "two.a")
    (job,) = plan_results([tmp_path / "one.a"], (".a",), tmp_path / "made.png", (".png", ".tif"), "photo")
    assert job == Job(tmp_path / "one.a", tmp_path / "made.png")
    planned = plan_results([tmp_path / "one.a"], (".a",), tmp_path / "out", (".png", ".tif"), "photo")
    assert planned == [Job(tmp_path / "one.a", tmp_path / "out" / "one.png")]
    for given, out, told in (
        (tmp_path, tmp_path / "made.tif", "one file, but there are 2 photos"),
        (tmp_path / "one.a", tmp_path / "one.a", "this photo would be written over"),
    ):
        with pytest.raises(InputError, match=told):
            plan_results([given], (".a",), out, (".tif", ".a"), "photo")


def test_a_pattern_keeps_what_lies_below_its_plain_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "photos/x/1.a", "photos/y/1.a")
    expected = ["x/1.txt", "y/1.txt"]
    assert list(plan([f"{tmp_path}/photos/**/*.a"], tmp_path / "out").values()) == expected
    monkeypatch.chdir(tmp_path)
    assert list(plan(["photos/?/1.a"], Path("out")).values()) == expected
    assert list(plan(["*/x/*.a"], Path("out")).values()) == ["photos/x/1.txt"]


def test_names_that_meet_keep_their_suffixes(tmp_path: Path) -> None:
    touch(tmp_path, "in/1.a", "in/1.b", "in/2.a")
    assert list(plan([tmp_path / "in"], tmp_path / "out").values()) == ["1.a.txt", "1.b.txt", "2.txt"]


def test_the_suffix_may_depend_on_the_source(tmp_path: Path) -> None:
    touch(tmp_path, "in/1.a", "in/1.b")
    planned = plan([tmp_path / "in"], tmp_path / "out", lambda path: ".x" if path.suffix == ".a" else ".y")
    assert list(planned.values()) == ["1.x", "1.y"]


def test_two_inputs_for_one_result_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "x/1.a", "y/1.a")
    with pytest.raises(InputError, match=r"1\.a\.txt: several inputs"):
        plan([tmp_path / "x" / "1.a", tmp_path / "y" / "1.a"], tmp_path / "out")


def test_an_input_named_twice_counts_once(tmp_path: Path) -> None:
    touch(tmp_path, "in/sub/1.a")
    assert list(plan([tmp_path / "in", tmp_path / "in" / "sub" / "1.a"], tmp_path / "out").values()) == ["sub/1.txt"]


def test_results_inside_the_input_folder_are_no_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "in/1.a", "in/out/1.txt", "in/out/old.txt")
    assert plan([tmp_path / "in"], tmp_path / "in" / "out") == {str(tmp_path / "in" / "1.a"): "1.txt"}
    monkeypatch.chdir(tmp_path / "in")
    assert plan(["**/*"], Path("out")) == {"1.a": "1.txt"}
    assert plan(["out/old.txt"], Path("out2")) == {"out/old.txt": "old.txt"}
    (tmp_path / "in" / "1.a").unlink()
    with pytest.raises(InputError, match="no input in it but earlier results"):
        plan([tmp_path / "in"], tmp_path / "in" / "out")


def test_inputs_inside_the_folder_of_results_are_inputs(tmp_path: Path) -> None:
    touch(tmp_path, "out/raw/1.a")
    assert list(plan([tmp_path / "out" / "raw"], tmp_path / "out").values()) == ["1.txt"]


def test_results_among_the_inputs_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "in/1.a")
    with pytest.raises(InputError, match="would be taken for inputs next time"):
        plan([tmp_path / "in"], tmp_path / "in")
    with pytest.raises(InputError, match=r"1\.a: this input would be written over"):
        plan([tmp_path / "in" / "1.a"], tmp_path / "in", lambda _: ".a")


def test_hidden_files_are_no_inputs_unless_they_are_named(tmp_path: Path) -> None:
    touch(tmp_path, ".hidden/in/1.a", ".hidden/in/._1.a", ".hidden/in/.trash/2.a")
    folder = tmp_path / ".hidden" / "in"
    assert list(plan([folder], tmp_path / "out").values()) == ["1.txt"]
    assert list(plan([folder / "._1.a"], tmp_path / "out").values()) == ["._1.txt"]


def test_missing_inputs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for entry, reason in (("none.a", "no such file"), ("empty", "no file with suffix"), ("*.a", "matches no file")):
        with pytest.raises(InputError, match=reason):
            plan([tmp_path / entry], tmp_path / "out")


# what is done


def test_every_file_is_read_worked_on_and_written_in_order(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, *(f"{number}.a" for number in range(7)))
    worked: list[str] = []

    def work(text: str) -> str:
        worked.append(text)
        return text.upper()

    summary = process_files(jobs, Path.read_text, work, write)
    assert worked == [f"{number}.a" for number in range(7)]
    assert summary == Summary(done=[job.target for job in jobs])
    assert summary.exit_code == 0
    assert [job.target.read_text() for job in jobs] == [f"{number}.A" for number in range(7)]


@pytest.mark.parametrize("stage", ["read", "work", "write"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InputError("two\nlines"), "two lines"),
        (OSError("no"), "no"),
        (MemoryError(), "out of memory"),
        (RuntimeError("CUDA out of memory."), "CUDA out of memory."),
        (ZeroDivisionError("by\nzero"), "ZeroDivisionError: by zero"),
        (IndexError(), "IndexError"),
    ],
)
def test_a_bad_file_is_told_and_the_others_survive(tmp_path: Path, stage: str, error: Exception, told: str) -> None:
    if stage == "work" and isinstance(error, (ZeroDivisionError, IndexError)):
        return  # a defect of the network, see below
    jobs = jobs_of(tmp_path, *(f"{number}.a" for number in range(6)))

    def fail_at(here: str, text: str) -> None:
        if here == stage and text == "2.a":
            raise error

    def read(path: Path) -> str:
        fail_at("read", path.name)
        return path.read_text()

    def work(text: str) -> str:
        fail_at("work", text)
        return text

    def write_out(text: str, target: Path) -> None:
        fail_at("write", text)
        write(text, target)

    said: list[str] = []
    summary = process_files(jobs, read, work, write_out, say=said.append)
    assert len(summary.done) == 5
    assert summary.exit_code == 1
    assert list(summary.failed) == [jobs[2].source]
    assert len(said) == 1
    assert "\n" not in said[0]
    assert said[0].startswith(f"failed: {jobs[2].source}: ")
    assert said[0].endswith(f": {told}")
    assert not jobs[2].target.exists()


def test_the_file_is_named_once(tmp_path: Path) -> None:
    (job,) = jobs_of(tmp_path, "1.a")

    def read(path: Path) -> str:
        raise InputError(f"{path}: broken")

    summary = process_files([job], read, str.upper, write, say=lambda _: None)
    assert summary.failed == {job.source: f"{job.source}: broken"}


def test_a_source_that_vanished_is_one_bad_file(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, "1.a", "2.a")
    jobs[0].source.unlink()
    summary = process_files(jobs, Path.read_text, str.upper, write, say=lambda _: None)
    assert list(summary.failed) == [jobs[0].source]
    assert summary.done == [jobs[1].target]


def test_a_defect_of_the_network_is_raised(tmp_path: Path) -> None:
    def work(text: str) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        process_files(jobs_of(tmp_path, "1.a"), Path.read_text, work, write)


@pytest.mark.parametrize("stage", ["read", "write"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_ends_the_batch(tmp_path: Path, stage: str, error: type[BaseException]) -> None:
    def stop(*given: object) -> Any:
        raise error

    jobs = jobs_of(tmp_path, "1.a", "2.a")
    with pytest.raises(error):
        process_files(jobs, stop if stage == "read" else Path.read_text, str, stop if stage == "write" else write)


def test_summaries_add_up(tmp_path: Path) -> None:
    one = Summary([tmp_path / "a"], [], {tmp_path / "b": "bad"})
    total = one + Summary([tmp_path / "c"], [tmp_path / "d"], {})
    assert str(total) == "2 done, 1 skipped as done before, 1 failed"
    assert total.exit_code == 1


# what runs beside what


def test_reading_and_writing_go_on_beside_the_work(tmp_path: Path) -> None:
    """The second file is read, and the first one's result written, while the work on the second goes on."""
    jobs = jobs_of(tmp_path, "1.a", "2.a", "3.a")
    third_read, first_written = threading.Event(), threading.Event()

    def read(path: Path) -> str:
        if path.name == "3.a":
            third_read.set()
        return path.name

    def work(text: str) -> str:
        if text == "2.a":
            assert third_read.wait(10)
            assert first_written.wait(10)
        return text

    def write_out(text: str, target: Path) -> None:
        write(text, target)
        if text == "1.a":
            first_written.set()

    assert len(process_files(jobs, read, work, write_out).done) == 3


def test_no_more_is_read_ahead_than_agreed(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, *(f"{number}.a" for number in range(10)))
    read: list[str] = []
    worst = 0

    def read_in(path: Path) -> str:
        read.append(path.name)
        return path.name

    def work(text: str) -> str:
        nonlocal worst
        worst = max(worst, len(read) - int(text[0]))
        return text

    process_files(jobs, read_in, work, write)
    assert 1 <= worst <= 1 + AHEAD


def test_processes_share_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = jobs_of(tmp_path, *(f"{number}.a" for number in range(5)))
    assert my_share(jobs) == jobs
    shares = []
    for rank in range(2):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", "2")
        shares.append(process_files(jobs, Path.read_text, str.upper, write, overwrite=True).done)
    assert shares == [[jobs[i].target for i in (0, 2, 4)], [jobs[i].target for i in (1, 3)]]


def test_a_bad_file_does_not_end_the_other_processes_of_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    summary = Summary(failed={Path("a"): "why"})
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert summary.exit_code == 1
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert summary.exit_code == 0
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert summary.exit_code == 1


@pytest.mark.parametrize(
    ("rank", "processes"),
    [
        (None, "2"),
        ("0", None),
        ("2", "2"),
        ("", "2"),
        ("0", ""),
        ("one", "2"),
        ("0", "0"),
        ("-1", "2"),
        ("\u00b9", "2"),
        ("0", "2" + 9 * "0"),
    ],
)
def test_shares_that_are_not_told_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rank: str | None, processes: str | None
) -> None:
    for name, value in (("RANK", rank), ("WORLD_SIZE", processes)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="of several processes each needs both, RANK from 0 to WORLD_SIZE - 1"):
        process_files(jobs_of(tmp_path, "1.a"), Path.read_text, str.upper, write)
    assert not (tmp_path / "out").exists()


def test_one_process_needs_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "1")
    jobs = jobs_of(tmp_path, "1.a", "2.a")
    assert my_share(jobs) == jobs


def test_what_a_killed_batch_left_is_removed(tmp_path: Path) -> None:
    (job,) = jobs_of(tmp_path, "1.a")
    job.target.parent.mkdir()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    ours = partial_path(job.target)
    left = ours.with_name(ours.name.replace(f"-{os.getpid()}.", f"-{gone.pid}."))
    running = ours.with_name(ours.name.replace(f"-{os.getpid()}.", f"-{os.getppid()}."))
    mine = job.target.with_name(".notes.partial.a")
    for path in (left, running, mine):
        path.write_text("half")
    process_files([job], Path.read_text, str.upper, write)
    assert sorted(path.name for path in job.target.parent.iterdir()) == sorted(["1.a", running.name, mine.name])
