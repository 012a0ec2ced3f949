"""Commands of packages in processes of their own, one after the other, within limits: a crash takes nothing along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import ByteReceiveStream, Process

from ..errors import InputError, one_line
from ..inference.run_record import RUN_FILE, read_run
from .calls import Call

MOST_SAID = 64 * 2**10
"""Bytes of what a command prints that are kept, the last ones."""
RUN_FILES = (RUN_FILE, "run.record.json")
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "NO_COLOR": "1"}
"""Environment of a command: nothing is downloaded for another program."""


class BusyError(InputError):
    """As many predictions wait as may."""


@dataclass(frozen=True)
class Limits:
    """Limits of the predictions that other programs ask for.

    Attributes:
        seconds: of one prediction.
        inputs: of one prediction.
        waiting: predictions that may wait while one runs.
    """

    seconds: float = 600.0
    inputs: int = 100
    waiting: int = 4

    def __post_init__(self) -> None:
        for name, least in (("seconds", 1), ("inputs", 1), ("waiting", 0)):
            if not getattr(self, name) >= least:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least {least}")


@dataclass(frozen=True)
class Outcome:
    """The outcome of a command.

    Attributes:
        code: its exit code; None if it was ended because its time was over.
        said: what it printed.
        complaints: what it said that went wrong, or is worth knowing.
        files: the results, in the folder of results.
        record: ``run.json``, as it is; empty if there is none.
        record_file: where that lies.
    """

    code: int | None
    said: str
    complaints: str
    files: tuple[Path, ...] = ()
    record: dict[str, Any] = field(default_factory=dict)
    record_file: Path | None = None

    @property
    def failure(self) -> str:
        """The line on what went wrong; empty if results were made."""
        if self.code in (0, 1) and self.files:
            return ""
        lines = [line for line in self.complaints.splitlines() if not line.startswith("note:")]
        last = one_line(lines[-1]) if lines else ""
        if self.code is None:
            return "ended: its time was over"
        if self.code in (0, 1, 2):
            return last.removeprefix("error: ") or "no result was made"
        return f"the command broke down with code {self.code}{f': {last}' if last else ''}"


class Runner:
    """Runs one prediction at a time; a few may wait.

    Args:
        limits: what is allowed.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._running = anyio.Lock()
        self._asked = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place among those who run or wait.

        Raises:
            BusyError: if as many wait as may.
        """
        if self._asked > self.limits.waiting:
            raise BusyError(f"busy: {self._asked} predictions run or wait already; ask again later")
        self._asked += 1
        try:
            yield
        finally:
            self._asked -= 1

    async def run(self, call: Call) -> Outcome:
        """Run a prediction when its turn comes; a place must be held. If this is cancelled, the command is ended."""
        async with self._running:
            with tempfile.TemporaryDirectory(prefix="visioncore-") as empty:
                command = [sys.executable, "-m", f"{call.method.module}.cli", *call.words]
                code, said, complaints = await _run(command, Path(empty), self.limits.seconds)
        # a result may have the name of the record, which then has another
        tried = (call.out / name for name in RUN_FILES)
        found = next(((file, told) for file in tried if (told := read_run(file))), None)
        file, record = found or (None, {})
        names = (*record.get("done", ()), *record.get("skipped", ()))
        files = tuple(call.out / name for name in names) if code in (0, 1) else ()
        return Outcome(code, said, complaints, files, record, file)


async def _run(command: list[str], folder: Path, seconds: float) -> tuple[int | None, str, str]:
    """Run a command in a folder, and return exit code and the ends of both streams; no code if its time was over."""
    process = await anyio.open_process(
        command, stdin=subprocess.DEVNULL, cwd=folder, env={**os.environ, **OFFLINE}, start_new_session=os.name != "nt"
    )
    said, complaints = deque[bytes](), deque[bytes]()
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        with anyio.move_on_after(seconds) as time:
            async with anyio.create_task_group() as readers:
                readers.start_soon(_keep, process.stdout, said)
                readers.start_soon(_keep, process.stderr, complaints)
                await process.wait()
    finally:
        _end(process)
        with anyio.CancelScope(shield=True):
            await process.aclose()
    code = None if time.cancelled_caught else process.returncode
    return code, *(b"".join(kept).decode("utf-8", "replace") for kept in (said, complaints))  # type: ignore[return-value]


async def _keep(stream: ByteReceiveStream, kept: deque[bytes]) -> None:
    """Read a stream to its end and keep the last of it."""
    size = 0
    async for block in stream:
        kept.append(block)
        size += len(block)
        while size - len(kept[0]) > MOST_SAID:
            size -= len(kept.popleft())


def _end(process: Process) -> None:
    """End a process with all that it has started; of one that is done, nothing happens."""
    with suppress(ProcessLookupError, PermissionError):
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
