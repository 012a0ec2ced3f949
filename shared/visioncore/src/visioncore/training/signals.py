"""Ctrl-C and SIGTERM as a wish to stop after the step at hand, agreed on by all processes."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

import torch


class StopRequest:
    """While it is entered, the first SIGINT or SIGTERM is noted; a second one acts as it would without this.

    Outside the main thread, where Python takes no signals, nothing is ever noted.
    """

    def __init__(self, processes: int) -> None:
        self._noted = False
        self._before: dict[int, Any] = {}
        self._several = processes > 1
        self._group: Any = None

    def __enter__(self) -> StopRequest:
        if self._several:
            # The flag travels on the host, so that asking in every step never waits for a GPU.
            self._group = torch.distributed.new_group(backend="gloo")
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note) or signal.SIG_DFL
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def __bool__(self) -> bool:
        """Whether any process has noted a signal; every process asks in every step."""
        if not self._several:
            return self._noted
        flag = torch.tensor(int(self._noted))
        torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX, group=self._group)
        return bool(flag)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._noted = True
        self._restore()

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())
