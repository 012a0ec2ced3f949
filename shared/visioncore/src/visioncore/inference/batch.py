"""Batches of files: reading ahead, skipping what is done, surviving bad files, sharing among processes."""

from __future__ import annotations

import glob
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from ..devices import is_out_of_memory
from ..errors import InputError
from ..files import expand_inputs

Read = TypeVar("Read")
Result = TypeVar("Result")

AHEAD = 2
"""Files read before their turn, and results waiting to be written."""

FAULTS = (InputError, OSError)
"""Exceptions that mean a bad file, as opposed to a defect of the program; running out of memory is one."""


class Job(NamedTuple):
    """One source and the target to make of it."""

    source: Path
    target: Path

    @property
    def done(self) -> bool:
        """Whether the target is there and no older than the source."""
        try:
            return self.target.stat().st_mtime >= self.source.stat().st_mtime
        except OSError:
            return False


@dataclass
class Summary:
    """Outcome of a batch of files."""

    done: list[Path] = field(default_factory=list)
    """Targets that were made."""
    skipped: list[Path] = field(default_factory=list)
    """Targets that were there already."""
    failed: dict[Path, str] = field(default_factory=dict)
    """Sources that failed, each with the reason in one line."""

    @property
    def exit_code(self) -> int:
        """0, or 1 if a file failed."""
        return 1 if self.failed else 0

    def __add__(self, other: Summary) -> Summary:
        return Summary(self.done + other.done, self.skipped + other.skipped, self.failed | other.failed)

    def __str__(self) -> str:
        return f"{len(self.done)} done, {len(self.skipped)} skipped as done before, {len(self.failed)} failed"


def plan_jobs(
    inputs: Iterable[str | Path], suffixes: Iterable[str], out: str | Path, suffix: Callable[[Path], str]
) -> list[Job]:
    """Return the jobs for inputs: each target is the input's name with another suffix, below ``out``.

    A file found in a folder, or by a pattern, keeps its place below that folder, or below the part of the pattern
    without wildcards. Where two sources would meet in one result, their own suffixes stay in the names
    (``a.jpg.png``, ``a.bmp.png``). If ``out`` lies inside a folder that is searched, what is in it is no input.

    Args:
        inputs: files, folders, glob patterns, as for `visioncore.files.expand_inputs`.
        suffixes: what counts as an input inside a folder.
        out: the folder of results.
        suffix: the result's suffix for a source.

    Raises:
        InputError: if an input is missing or holds no file, or a result would be written over an input or another
            result.
    """
    suffixes, out = tuple(suffixes), Path(out)
    places = place_inputs(inputs, out, lambda entry: expand_inputs([entry], suffixes), "input")
    meeting = Counter(place.with_suffix(suffix(source)) for source, place in places.items())
    jobs = []
    for source, place in places.items():
        target = place.with_suffix(suffix(source))
        if meeting[target] > 1:
            target = place.with_name(place.name + suffix(source))
        jobs.append(Job(source, out / target))
    check_results(places, [job.target for job in jobs], "input")
    return jobs


def place_inputs(
    inputs: Iterable[str | Path], out: Path, find: Callable[[str | Path], Iterable[Path]], what: str
) -> dict[Path, Path]:
    """Return {input: its target below the folder of results, under its own name}, each once.

    What is found in a folder, or by a pattern, keeps its place below that folder, or below the part of the pattern
    without wildcards. If ``out`` lies inside a folder that is searched, what is in it is not taken.

    Args:
        inputs: files, folders, glob patterns.
        out: the folder of results.
        find: one of the inputs -> the files, or folders of files, that it names.
        what: such a file or folder is called, for messages.

    Raises:
        InputError: as ``find``; if an input holds nothing but earlier results, or is ``out`` itself.
    """
    places: dict[Path, Path] = {}
    for entry in inputs:
        searched = _searched_folder(entry)
        if searched is None:
            for path in find(entry):
                places.setdefault(path, Path(path.name))
            continue
        if searched.resolve() == out.resolve() and Path(entry).is_dir():
            raise InputError(
                f"{out}: results in a folder of {what}s would be taken for {what}s next time; name another"
            )
        found = list(find(entry))
        if searched.resolve() in out.resolve().parents:
            found = [path for path in found if out.resolve() not in (path.resolve(), *path.resolve().parents)]
            if not found:
                raise InputError(f"{entry}: no {what} in it but earlier results in {out}")
        for path in found:
            places.setdefault(path, Path(path.resolve().name) if path == searched else path.relative_to(searched))
    return places


def check_results(sources: Iterable[Path], results: Iterable[Path], what: str) -> None:
    """Validate that no result would overwrite a source or another result.

    Args:
        sources: all of them.
        results: all of them.
        what: a source is called, for messages.

    Raises:
        InputError: naming the result.
    """
    places, planned = {source.resolve() for source in sources}, set[Path]()
    for result in results:
        if result.resolve() in places:
            raise InputError(f"{result}: this {what} would be written over; name another folder for the results")
        if result in planned:
            raise InputError(f"{result}: several {what}s would be written there; give them in separate calls")
        planned.add(result)


def _searched_folder(entry: str | Path) -> Path | None:
    """Return the folder that is searched for an input; None for a file that is named outright."""
    path = Path(entry)
    if path.is_dir():
        return path
    if path.exists() or not glob.has_magic(str(entry)):
        return None
    wild = next(number for number, part in enumerate(path.parts) if glob.has_magic(part))
    return Path(*path.parts[:wild])


def my_share(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs of this process among those that ``accelerate launch`` or ``torchrun`` has started."""
    return list(jobs[int(os.environ.get("RANK", "0")) :: int(os.environ.get("WORLD_SIZE", "1"))])


def process_files(
    jobs: Sequence[Job],
    read: Callable[[Path], Read],
    work: Callable[[Read], Result],
    write: Callable[[Result, Path], None],
    *,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Make every job's target: files are read and written beside the work, and one bad file does not stop the others.

    Args:
        jobs: all of them; this process does its share.
        read: source file -> what is worked on. Runs in a thread.
        work: that -> the result. Runs in this thread, one at a time.
        write: result, target file -> None; whole or not at all. Runs in a thread.
        overwrite: make targets anew that are there already.
        say: told a line for each file that failed.
    """
    summary = Summary()
    waiting: deque[Job] = deque()
    for job in my_share(jobs):
        if job.done and not overwrite:
            summary.skipped.append(job.target)
        else:
            waiting.append(job)
    reading: deque[tuple[Job, Future[Read]]] = deque()
    writing: deque[tuple[Job, Future[None]]] = deque()

    def fail(job: Job, error: Exception) -> None:
        if not isinstance(error, FAULTS) and not is_out_of_memory(error):
            raise error
        reason = " ".join(str(error).split()) or "out of memory"
        named = any(str(path) in reason for path in job)
        summary.failed[job.source] = reason if named else f"{job.source}: {reason}"
        say(f"failed: {summary.failed[job.source]}")

    with (
        ThreadPoolExecutor(1) as reader,
        ThreadPoolExecutor(1) as writer,
        progress(len(waiting), "files") as advance,
    ):

        def read_up() -> None:
            while waiting and len(reading) < AHEAD:
                job = waiting.popleft()
                reading.append((job, reader.submit(read, job.source)))

        def write_down(most: int) -> None:
            while len(writing) > most:
                job, written = writing.popleft()
                try:
                    written.result()
                except Exception as error:
                    fail(job, error)
                else:
                    summary.done.append(job.target)
                advance()

        read_up()
        while reading:
            job, read_in = reading.popleft()
            read_up()
            try:
                result = work(read_in.result())
            except Exception as error:
                fail(job, error)
                advance()
            else:
                writing.append((job, writer.submit(write, result, job.target)))
            write_down(AHEAD)
        write_down(0)
    return summary


@contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[], None]]:
    """Show on a terminal how many of ``total`` things are done; yields what is to be called after each."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal or total < 2) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
