"""A command that runs in a process of its own: it can be ended, and what it breaks is not the server.

Each run loads torch anew. In return a file that brings a library down takes one run with it, a time limit can be kept
whatever the run is doing, all memory comes back, and the command line that is shown is the one that ran.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..methods import Method
from .outcome import Outcome

MOST_SAID = 64 * 2**10
"""Bytes of what a command prints that are kept, the last ones."""
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "NO_COLOR": "1"}
"""Environment of a command: nothing is downloaded for somebody else."""


@dataclass(frozen=True)
class Call:
    """A command that was checked.

    Attributes:
        method: whose.
        words: of the command line, from the command on.
        out: where the results go.
    """

    method: Method
    words: tuple[str, ...]
    out: Path


class Running:
    """A command that was started.

    Args:
        call: the command.
        folder: the working folder.
    """

    def __init__(self, call: Call, folder: Path) -> None:
        self.call, self._began = call, time.monotonic()
        # -P keeps the working folder, in which an upload may lie, out of the path of imports
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"{call.method.module}.cli", *call.words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **OFFLINE},
            start_new_session=os.name != "nt",
        )
        self._streams = _Tail(self._process.stdout), _Tail(self._process.stderr)

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self._began

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for so long at most, and return the exit code; None if it is still running."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def end(self) -> None:
        """End it at once, with all that it has started; what is left of one that is done ends too."""
        with suppress(ProcessLookupError, PermissionError):
            if os.name == "nt":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def outcome(self) -> Outcome:
        """End it if it still runs, and return what came of it."""
        code, seconds = self._process.poll(), self.seconds
        self.end()
        said, complaints = (stream.text() for stream in self._streams)
        return Outcome(code, seconds, said, complaints, self.call.out)


class _Tail(threading.Thread):
    """Reads a stream to its end and keeps the last of it.

    Args:
        stream: of a process.
    """

    def __init__(self, stream: IO[bytes] | None) -> None:
        super().__init__(daemon=True)
        assert stream is not None
        self._stream, self._kept = stream, deque[bytes]()
        self.start()

    def run(self) -> None:
        """Read."""
        size = 0
        with self._stream as stream:
            while block := os.read(stream.fileno(), MOST_SAID):
                self._kept.append(block)
                size += len(block)
                while size - len(self._kept[0]) > MOST_SAID:
                    size -= len(self._kept.popleft())

    def text(self) -> str:
        """Wait for the end of the stream, and return what is kept."""
        self.join(10)
        return b"".join(self._kept).decode("utf-8", "replace")
