"""Files that users bring and what is made of them: each page has its own, and nothing stays when it is gone."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections import defaultdict
from pathlib import Path

from ..jobs.running import Running

KEPT_SECONDS = 3600
"""Files that no open page holds any more are removed after this, whatever became of the page."""


class Holdings:
    """The files and the running process of every open page, by its session."""

    def __init__(self, folder: Path) -> None:
        """
        Args:
            folder: an empty folder for the results.
        """
        self.folder = folder
        self._held: defaultdict[str, set[Path]] = defaultdict(set)
        self._running: dict[str, Running] = {}
        self._gone: set[str] = set()
        self._lock = threading.Lock()

    def new_folder(self, session: str) -> Path:
        """Return a new folder of a session, whose name nobody can guess."""
        folder = self.folder / secrets.token_urlsafe(16)
        folder.mkdir(mode=0o700)
        self.hold(session, folder)
        return folder

    def hold(self, session: str, path: Path) -> None:
        """Keep a file or folder until the page is closed; two pages may hold one, as equal uploads are stored once."""
        with self._lock:
            self._held[session].add(path)

    def drop(self, session: str, path: Path) -> None:
        """Remove a file or folder of a session, unless another one holds it too."""
        with self._lock:
            self._held[session].discard(path)
            if not any(path in held for held in self._held.values()):
                _remove(path)

    def run(self, session: str, process: Running) -> None:
        """Remember the process that a page waits for; it is ended if the page is gone already."""
        with self._lock:
            self._running[session] = process
            gone = session in self._gone
        if gone:
            process.end()

    def ran(self, session: str) -> None:
        """Forget the process of a page."""
        with self._lock:
            self._running.pop(session, None)
            gone = session in self._gone
        if gone:
            self.close(session)

    def close(self, session: str) -> None:
        """End what runs for a page, and remove its files."""
        with self._lock:
            self._gone.add(session)
            process = self._running.get(session)
            paths = set(self._held.get(session, ()))
        if process is not None:
            # its files go when it has ended
            process.end()
            return
        for path in paths:
            self.drop(session, path)
        with self._lock:
            self._held.pop(session, None)

    def close_all(self) -> None:
        """End whatever runs."""
        with self._lock:
            running = list(self._running.values())
        for process in running:
            process.end()

    def remove_older(self, seconds: float) -> None:
        """Remove results that are older, for pages that went without a word."""
        limit = time.time() - seconds
        for folder in self.folder.iterdir():
            if folder.stat().st_mtime < limit:
                _remove(folder)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
