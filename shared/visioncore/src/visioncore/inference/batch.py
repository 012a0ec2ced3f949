"""Batches of files: reading ahead, skipping what is done, surviving bad files, sharing among processes."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ..devices import is_out_of_memory
from ..errors import InputError
from ..files import clear_partials
from ..ranks import others_end_with_this, rank_and_processes
from .jobs import Job
from .record import BatchRecord

Read = TypeVar("Read")
Result = TypeVar("Result")

AHEAD = 2
"""Files read before their turn, and results waiting to be written."""

FAULTS = (InputError, OSError)
"""Exceptions that mean a bad file wherever they are raised; running out of memory is one."""


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
        """0, or 1 if a file failed; 0 too where the launcher would end all other processes for it."""
        return 1 if self.failed and not others_end_with_this() else 0

    def __add__(self, other: Summary) -> Summary:
        return Summary(self.done + other.done, self.skipped + other.skipped, self.failed | other.failed)

    def __str__(self) -> str:
        return f"{len(self.done)} done, {len(self.skipped)} skipped as done before, {len(self.failed)} failed"


def my_share(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs of this process among those that ``accelerate launch`` or ``torchrun`` has started.

    Raises:
        InputError: as `visioncore.ranks.rank_and_processes`.
    """
    rank, processes = rank_and_processes()
    return list(jobs[rank::processes])


def is_fault_of_file(error: Exception) -> bool:
    """Return whether an exception out of the work itself means a bad file, as opposed to a defect of the program."""
    return isinstance(error, FAULTS) or is_out_of_memory(error)


def told(error: Exception, paths: Iterable[Path]) -> str:
    """Return an exception as one line that names a file; of one that nobody foresaw, its type too.

    Args:
        error: the exception.
        paths: files it may name already; the first is named if it names none.
    """
    reason = " ".join(str(error).split())
    if is_out_of_memory(error):
        reason = reason or "out of memory"
    elif not isinstance(error, FAULTS):
        reason = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    source, *others = paths
    return reason if any(str(path) in reason for path in (source, *others)) else f"{source}: {reason}"


def process_files(
    jobs: Sequence[Job],
    read: Callable[[Path], Read],
    work: Callable[[Read], Result],
    write: Callable[[Result, Path], None],
    *,
    record: BatchRecord | None = None,
    about: Callable[[Result], Mapping[str, object]] = lambda _: {},
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Make every job's target: files are read and written beside the work, and one bad file does not stop the others.

    Whatever ``read`` and ``write`` raise is the fault of their file. Of ``work`` only `FAULTS` and running out of
    memory are; anything else is a defect, which is raised.

    Args:
        jobs: all of them; this process does its share.
        read: source file -> what is worked on. Runs in a thread.
        work: that -> the result. Runs in this thread, one at a time.
        write: result, target file -> None; whole or not at all. Runs in a thread.
        record: says what is done already, and is added to; without one every target is made.
        about: the result -> what is worth knowing of it, for the record. Runs in a thread, after ``write``.
        overwrite: make targets anew that are there already.
        say: told a line for each file that failed, and of results that are made anew.

    Raises:
        InputError: as `my_share`.
    """
    summary = Summary()
    waiting: deque[Job] = deque()
    again = Counter[str]()
    share = my_share(jobs)
    for folder in dict.fromkeys(path.parent for job in share for path in job.results):
        clear_partials(folder)
    for job in share:
        if record is not None and not overwrite and record.is_there(job):
            reason = _reason(record, job)
            if reason is None:
                summary.skipped.append(job.target)
                continue
            again[reason] += 1
        waiting.append(job)
    for reason, count in again.items():
        first = "a result is" if count == 1 else f"{count} results are"
        say(f"{first} made anew: {reason}")
    reading: deque[tuple[Job, Future[Read]]] = deque()
    writing: deque[tuple[Job, Future[None]]] = deque()

    def fail(job: Job, error: Exception) -> None:
        summary.failed[job.source] = told(error, job[:2])
        say(f"failed: {summary.failed[job.source]}")

    def read_in(job: Job) -> Read:
        try:
            return read(job.source)
        except Exception as error:
            raise InputError(told(error, job[:2])) from error

    def write_out(result: Result, job: Job) -> None:
        write(result, job.target)
        known = about(result)
        if record is not None:
            record.add(job, known)

    with (
        ThreadPoolExecutor(1) as reader,
        ThreadPoolExecutor(1) as writer,
        progress(len(waiting), "files") as advance,
    ):

        def read_up() -> None:
            while waiting and len(reading) < AHEAD:
                job = waiting.popleft()
                reading.append((job, reader.submit(read_in, job)))

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
            job, ready = reading.popleft()
            read_up()
            try:
                result = work(ready.result())
            except Exception as error:
                if not is_fault_of_file(error):
                    raise
                fail(job, error)
                advance()
            else:
                writing.append((job, writer.submit(write_out, result, job)))
            write_down(AHEAD)
        write_down(0)
    return summary


def _reason(record: BatchRecord, job: Job) -> str | None:
    try:
        return record.reason(job)
    except OSError:  # the source is not there any more, which reading it tells
        return "its input is another or was changed"


@contextmanager
def progress(total: int | None, what: str, done: int = 0) -> Iterator[Callable[[], None]]:
    """Show on a terminal how many things are done, and how long the rest takes; yields what is to be called after each.

    Args:
        total: how many there are; None where that is not known.
        what: they are called.
        done: how many are done already.
    """
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal or total in (0, 1)) as bar:
        task = bar.add_task(what, total=total, completed=done)
        yield lambda: bar.advance(task)
