"""A lock on a folder that names its owner, so that one left by a process that is gone is known as such."""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import InputError

_SIGN_SECONDS = 30
"""How often the owner gives a sign, by touching the file."""
_SILENT_SECONDS = 300
"""An owner on another machine that has given no sign for so long is gone, by the clocks of both."""
_WATCH_SECONDS = 120
"""So is one that gives no sign while it is watched for so long: shared storage may show a sign a minute late."""
_LOOK_SECONDS = 1.0
"""How often it is looked at meanwhile."""
_SETTLE_SECONDS = 0.2
"""In which two processes that take over the same lock find out about each other."""
_CLOCK_SECONDS = 2
"""By which the same beginning of a process may be told differently, after the clock was set."""


class FolderLock:
    """The file ``.lock`` in a folder, which holds the machine and the process of its owner.

    Args:
        folder: must exist; on storage that several machines may share.
        what: the owner does there, for messages, such as ``trains``.
    """

    def __init__(self, folder: Path, what: str) -> None:
        self.path = folder / ".lock"
        self._what = what
        self._mine = json.dumps({"host": platform.node(), "process": os.getpid(), "began": _began()})
        self._released = threading.Event()

    def take(self, say: Callable[[str], None]) -> None:
        """Take the lock; one whose owner is gone is taken over, which is told in a line.

        One on another machine of whose owner there has been a sign lately is watched for two minutes first.

        Raises:
            InputError: if another process has it, this one included.
        """
        while not self._make():
            text = _text(self.path)
            if text is None:  # released meanwhile
                continue
            owner = _owner(text)
            named = f"process {owner['process']} on {owner['host']}" if owner else "an unknown process"
            if not self._is_gone(owner) and not self._is_silent(owner, say):
                if _text(self.path) is None:  # released while it was watched
                    continue
                raise InputError(
                    f"{self.path.parent}: {named} {self._what} there; wait until it ends, or name another folder"
                )
            say(f"{self.path}: of {named}, which is gone; taken over")
            self.path.unlink(missing_ok=True)
            if self._make():
                time.sleep(_SETTLE_SECONDS)
                if _text(self.path) == self._mine:
                    break
        threading.Thread(target=self._give_signs, daemon=True).start()

    def release(self) -> None:
        """Let go of the lock, if it was taken."""
        self._released.set()
        if _text(self.path) == self._mine:
            self.path.unlink(missing_ok=True)

    def _make(self) -> bool:
        try:
            with self.path.open("x", encoding="utf-8") as file:
                file.write(self._mine)
        except FileExistsError:
            return False
        return True

    def _is_gone(self, owner: dict[str, Any] | None) -> bool:
        if owner is not None and owner["host"] == platform.node():
            return not _runs(owner["process"], owner["began"])
        try:
            return time.time() - self.path.stat().st_mtime > _SILENT_SECONDS
        except OSError:
            return True

    def _is_silent(self, owner: dict[str, Any] | None, say: Callable[[str], None]) -> bool:
        """Watch for a sign of an owner on another machine, which after a failure may be gone for good."""
        if owner is None or owner["host"] == platform.node():
            return False
        say(f"{self.path}: of process {owner['process']} on {owner['host']}; {_WATCH_SECONDS} s for a sign of it")
        first, end = _changed(self.path), time.monotonic() + _WATCH_SECONDS
        while time.monotonic() < end:
            if _changed(self.path) != first:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def _give_signs(self) -> None:
        while not self._released.wait(_SIGN_SECONDS):
            if _text(self.path) != self._mine:
                return
            self.path.touch()


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _changed(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _owner(text: str) -> dict[str, Any] | None:
    try:
        owner = json.loads(text)
        known = isinstance(owner["host"], str) and isinstance(owner["process"], int) and owner["began"] >= 0
        return owner if known else None
    except (ValueError, TypeError, KeyError):
        return None


def _began() -> float:
    """Return when this process began, which tells it from a later one of its number."""
    import psutil

    return float(psutil.Process().create_time())


def _runs(process: int, began: float) -> bool:
    import psutil

    try:
        found = psutil.Process(process)
        return found.status() != psutil.STATUS_ZOMBIE and abs(found.create_time() - began) < _CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:  # of another user, on some systems
        return True
