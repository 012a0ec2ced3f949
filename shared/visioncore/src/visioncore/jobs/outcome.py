"""The end of a command: what it made, what it said, and the one line on what went wrong."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import escaped, one_line
from ..inference.run_record import RUN_FILE, read_run

RUN_FILES = (RUN_FILE, "run.record.json")
"""A result may have the name of the record, which then has another."""

MOST_LINE = 2000
"""Letters of a line that somebody is told."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a command.

    Attributes:
        code: its exit code; None if it was ended because its time was over.
        seconds: it took.
        said: what it printed.
        complaints: what it said that went wrong, or is worth knowing.
        out: where its results went.
    """

    code: int | None
    seconds: float
    said: str
    complaints: str
    out: Path

    @cached_property
    def record_file(self) -> Path | None:
        """Where ``run.json`` lies; None if there is none."""
        return next((file for name in RUN_FILES if read_run(file := self.out / name)), None)

    @cached_property
    def record(self) -> dict[str, Any]:
        """``run.json``, as it is; empty if there is none."""
        return (read_run(self.record_file) if self.record_file else None) or {}

    @property
    def made(self) -> tuple[Path, ...]:
        """The results of which the record tells, in the folder of results."""
        names = (*self.record.get("done", ()), *self.record.get("skipped", ()))
        return tuple(self.out / name for name in names) if self.code in (0, 1) else ()

    @property
    def files(self) -> list[Path]:
        """All files in the folder of results, in order, but what commands keep of themselves."""
        found = sorted(file for file in self.out.rglob("*") if file.is_file() and file != self.record_file)
        return [file for file in found if file.name[0] != "." and not _is_of_the_batch(file)]

    @property
    def failure(self) -> str:
        """The line on what went wrong; empty if results were made."""
        if self.made:
            return ""
        if self.code is None:
            return (
                f"ended: its time, {self.seconds:.0f} s, was over; ask for less, or let the server allow more --seconds"
            )
        if self.code < 0:
            return f"ended by the system (signal {-self.code}); perhaps the memory did not suffice"
        lines = [line for line in self.complaints.splitlines() if line.strip() and not line.startswith("note:")]
        # warnings of libraries may come after the line that counts
        told = [line for line in lines if line.startswith(("error: ", "failed: "))] or lines
        last = one_line(told[-1]).removeprefix("error: ") if told else ""
        if self.code in (0, 1, 2):
            return last or "no result was made"
        return f"the command broke down with code {self.code}{f': {last}' if last else ''}"


def without(text: str, folder: Path) -> str:
    """Return text without the place of a folder, which whoever reads it does not know, and which may be gone."""
    return escaped(text).replace(f"{folder}{os.sep}", "")


def _is_of_the_batch(file: Path) -> bool:
    return file.name.startswith("made") and file.suffix == ".jsonl"
