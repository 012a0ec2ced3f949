"""A command that runs in a process of its own: it can be ended, and what it breaks is not the page.

Predictions run so, and not inside the server, although each then loads torch anew: a file that brings a library down
takes one run with it, a time limit can be kept whatever the run is doing, all memory comes back, and the command line
that the page shows is the one that ran.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path


class Running:
    """A command that was started, with its output in a file."""

    def __init__(self, module: str, words: Sequence[str], folder: Path) -> None:
        """
        Args:
            module: the module of commands, such as ``nerdrain_derain.cli``.
            words: the command and its options.
            folder: the working folder.
        """
        self.began = time.monotonic()
        with (folder / ".said").open("wb") as said:
            # -P keeps the working folder, in which an upload lies, out of the path of imports
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *words],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._said = folder / ".said"

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self.began

    def wait(self, seconds: float) -> int | None:
        """Wait for so long at most, and return the exit code; None if it is still running."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def end(self) -> None:
        """End it at once, with all that it has started."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()

    def lines(self) -> list[str]:
        """Return the last lines of what it has printed."""
        with self._said.open("rb") as said:
            said.seek(max(0, self._said.stat().st_size - 20_000))
            return said.read().decode(errors="replace").splitlines()
