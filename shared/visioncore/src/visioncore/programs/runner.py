"""Predictions one after the other: one runs, a few may wait, and what nobody waits for any more is ended."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from ..errors import InputError
from ..jobs.limits import Limits
from ..jobs.outcome import Outcome
from ..jobs.running import Call, Running


class BusyError(InputError):
    """As many predictions wait as may."""


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
                running = Running(call, Path(empty))
                try:
                    with anyio.move_on_after(self.limits.seconds):
                        await anyio.to_thread.run_sync(running.wait, abandon_on_cancel=True)
                    return running.outcome()
                finally:
                    running.end()
