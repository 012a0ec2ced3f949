"""Many files in, many files out: read ahead, skip what is done, survive what is broken, share among processes."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from .errors import InputError

Read = TypeVar("Read")
Result = TypeVar("Result")

AHEAD = 2
"""Files read before their turn, and results waiting to be written."""

FAULTS = (InputError, OSError)
"""What is wrong with a file, as opposed to a defect of the program."""


class Job(NamedTuple):
    """One file to be made of another."""

    source: Path
    target: Path

    @property
    def done(self) -> bool:
        """Whether the target is there and no older than the source."""
        return self.target.exists() and self.target.stat().st_mtime >= self.source.stat().st_mtime


@dataclass
class Summary:
    """What became of a batch of files."""

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


def plan_jobs(sources: Sequence[Path], roots: Sequence[Path], out: Path, suffix: Callable[[Path], str]) -> list[Job]:
    """Return where the result of each source goes: its name with another suffix, in its sub-folder, below ``out``.

    Args:
        sources: files.
        roots: the inputs as they were given; a file inside one of these folders keeps its place in it.
        out: the folder of results.
        suffix: the result's suffix for a source. Where two sources would meet in one result, the sources' own
            suffixes stay in the names (``a.jpg.png``, ``a.bmp.png``).
    """
    places = [_place(source, roots) for source in sources]
    meeting = Counter(place.with_suffix(suffix(source)) for source, place in zip(sources, places, strict=True))
    jobs = []
    for source, place in zip(sources, places, strict=True):
        target = place.with_suffix(suffix(source))
        if meeting[target] > 1:
            target = place.with_name(place.name + suffix(source))
        jobs.append(Job(source, out / target))
    clashing = [str(target) for target, count in Counter(job.target for job in jobs).items() if count > 1]
    if clashing:
        raise InputError(f"{clashing[0]}: several inputs would be written to this file; give them in separate calls")
    return jobs


def _place(source: Path, roots: Sequence[Path]) -> Path:
    for root in roots:
        if root.is_dir() and source.is_relative_to(root):
            return source.relative_to(root)
    return Path(source.name)


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
    """Make every job's target: reading and writing go on beside the work, and one bad file does not stop the others.

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
        summary.failed[job.source] = " ".join(str(error).split())
        say(f"failed: {summary.failed[job.source]}")

    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer, _progress(len(waiting)) as advance:

        def read_up() -> None:
            while waiting and len(reading) < AHEAD:
                job = waiting.popleft()
                reading.append((job, reader.submit(read, job.source)))

        def write_down(most: int) -> None:
            while len(writing) > most:
                job, written = writing.popleft()
                try:
                    written.result()
                except FAULTS as error:
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
            except FAULTS as error:
                fail(job, error)
                advance()
            else:
                writing.append((job, writer.submit(write, result, job.target)))
            write_down(AHEAD)
        write_down(0)
    return summary


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """Show how far the batch is, where somebody looks on."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal or total < 2) as progress:
        task = progress.add_task("files", total=total)
        yield lambda: progress.advance(task)
