"""The record beside results: with which weights and options, and of which input, each was made."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from itertools import starmap
from pathlib import Path
from typing import Any

from ..files import writable_folder, writing
from ..ranks import rank_and_processes
from .jobs import Job

RECORDS = "made*.jsonl"
"""Names of the files of a record, as a pattern."""


class BatchRecord:
    """The files ``made.jsonl`` in a folder of results; each of several processes adds to one of its own.

    Every line is JSON and tells of one result: where it is, how long its files are, of what input and with which
    settings it was made, and when. The latest counts. A line that was cut off is none, so its result is made anew.

    Args:
        out: the folder of results.
        settings: all that a result depends on besides its input, such as weights and options.

    Raises:
        InputError: as `visioncore.ranks.rank_and_processes`.
    """

    def __init__(self, out: Path, settings: Mapping[str, object]) -> None:
        rank, _ = rank_and_processes()
        self.out = out
        self._path = out / (f"made-{rank}.jsonl" if rank else "made.jsonl")
        self._settings: dict[str, Any] = json.loads(json.dumps(dict(settings), default=str))
        self._made: dict[str, dict[str, Any]] = {}
        self._calls: dict[str, dict[str, float]] = {}
        # what another process is adding meanwhile is of results that are not this one's
        for path in out.glob(RECORDS):
            for entry in _entries(path):
                if "call" in entry:
                    self._calls[entry["call"]] = entry["results"]
                elif entry["time"] >= self._made.get(entry["result"], entry)["time"]:
                    self._made[entry["result"]] = entry
        self._between = "" if _ends_whole(self._path) else "\n"

    def is_there(self, job: Job) -> bool:
        """Return whether something lies where each result of a job goes."""
        # the folder of a series is there as soon as that of another one below it is
        return all(bool(_files(path)) if path.is_dir() else path.exists() for path in job.results)

    def reason(self, job: Job) -> str | None:
        """Return why results that are there must be made anew; None if they are what the job would make."""
        entry = self._made.get(self._name(job.target))
        if entry is None:
            return "there is no record of how it was made"
        sizes = {self._name(path): _size(path) for path in job.results}
        if any(size == 0 or size < entry["sizes"].get(name, 0) for name, size in sizes.items()):
            return "it is empty or cut short"
        if entry["source"] != self._source(job.source, job.made_of):
            return "its input is another or was changed"
        if not sizes.keys() <= entry["sizes"].keys():
            return "what lies beside it is of an earlier result"
        was, now = entry["settings"], self._settings
        changes = [
            f"{name} was {_shown(was, name)} and is {_shown(now, name)}"
            for name in {**was, **now}
            if was.get(name) != now.get(name)
        ]
        return ", ".join(changes) or None

    def add(self, job: Job, about: Mapping[str, object] | None = None) -> None:
        """Add a result that has just been made.

        Args:
            job: which one.
            about: what is worth knowing of it, in numbers and words; nothing is decided by it.

        Raises:
            InputError: if the system refuses the write.
        """
        entry = {
            "result": self._name(job.target),
            "sizes": {self._name(path): _size(path) for path in job.results},
            "source": self._source(job.source, job.made_of),
            "settings": self._settings,
            "time": time.time(),
            **({"about": dict(about)} if about else {}),
        }
        self._append(entry)

    def remember(self, call: str, targets: Sequence[Path]) -> None:
        """Add that all results of a call are there, unless one has no entry.

        Raises:
            InputError: if the system refuses the write.
        """
        made = {name: self._made.get(name) for name in map(self._name, targets)}
        results = {name: entry["time"] for name, entry in made.items() if entry}
        if results and len(results) == len(made) and self._calls.get(call) != results:
            self._append({"call": call, "results": results})

    def recall(self, call: str) -> list[str] | None:
        """Return the results of a call if all are still there, of the same inputs; None if that is not certain."""
        results = self._calls.get(call)
        try:
            return list(results) if results and all(starmap(self._is_as_made, results.items())) else None
        except OSError:  # something is not there any more
            return None

    def _is_as_made(self, name: str, time: float) -> bool:
        entry = self._made.get(name)
        return (
            entry is not None
            and entry["time"] == time
            and all(_size(self.out / result) == size for result, size in entry["sizes"].items())
            # of a result that was made of further files this is never so: they are not looked for
            and entry["source"] == self._source(self.out / entry["source"][0])
        )

    def _append(self, entry: Mapping[str, object]) -> None:
        with writing(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(f"{self._between}{json.dumps(entry)}\n")
        self._between = ""

    def _name(self, path: Path) -> str:
        return path.relative_to(self.out).as_posix()

    def _source(self, source: Path, made_of: Sequence[Path] = ()) -> list[Any]:
        """Return where an input lies, seen from the results so that both can be moved, how long it is and how old.

        Files that it names count as well, as far as they are there.
        """
        files = [*_files(source), *(file for file in made_of if file.is_file())]
        try:
            place = Path(os.path.relpath(source.resolve(), self.out.resolve())).as_posix()
        except ValueError:  # on another drive
            place = source.resolve().as_posix()
        stats = [file.stat() for file in files]
        sizes, ages = [stat.st_size for stat in stats], [stat.st_mtime_ns for stat in stats]
        return [place, len(files), sum(sizes), max(ages, default=0)]


def open_record(out: str | Path, jobs: Sequence[Job], settings: Mapping[str, object]) -> BatchRecord | None:
    """Make the folder of the results of jobs and return its record; None if ``out`` is the one result itself.

    Raises:
        InputError: if the folder cannot be written, or as `BatchRecord`.
    """
    out, _ = Path(out), rank_and_processes()  # before a folder is made
    if out in (job.target for job in jobs):
        writable_folder(out.parent)
        return None
    return BatchRecord(writable_folder(out), settings)


def _entries(path: Path) -> Sequence[dict[str, Any]]:
    entries = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                entry = json.loads(line)
                if isinstance(entry.get("call"), str):
                    entries.append(entry | {"results": {**entry["results"]}})
                    continue
                if isinstance(entry["result"], str) and isinstance(entry["time"], float):
                    {**entry["sizes"], **entry["settings"]}
                    entries.append(entry | {"source": entry["source"]})
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
    return entries


def _ends_whole(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return not file.seek(0, os.SEEK_END) or (file.seek(-1, os.SEEK_END) >= 0 and file.read() == b"\n")
    except OSError:
        return True


def _files(path: Path) -> list[Path]:
    return [file for file in path.iterdir() if file.is_file()] if path.is_dir() else [path]


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in _files(path))


def _shown(settings: Mapping[str, Any], name: str) -> str:
    value = settings.get(name, "not given")
    return value if isinstance(value, str) else json.dumps(value)
