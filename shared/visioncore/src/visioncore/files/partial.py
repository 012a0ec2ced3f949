"""The names of files that are being written, and removing those that a killed process left."""

from __future__ import annotations

import os
import platform
import re
import shutil
import time
import zlib
from pathlib import Path

_LONGEST_NAME = 80
"""Bytes; file systems allow 143 to 255 with the ending."""
_LONGEST_SUFFIX = 16
_LEFT = re.compile(r"\..+\.(?P<host>[0-9a-f]{8})-(?P<process>\d+)\.partial(\.[^.]*)?", flags=re.DOTALL)
_ABANDONED_SECONDS = 24 * 3600
"""A partial file of another machine that nobody has touched for so long is of a process that is gone."""


def partial_path(path: Path) -> Path:
    """Return the name under which this process writes ``path``, in the same folder and with the same suffix.

    It names the machine and the process, and is no longer than any file system allows.
    """
    mark = f"{_this_host()}-{os.getpid()}.partial{path.suffix[:_LONGEST_SUFFIX]}"
    return hidden_beside(path.parent / path.stem, mark)


def hidden_beside(path: Path, ending: str) -> Path:
    """Return a hidden name beside ``path`` made of its own, or of a number for it where that is long, and an ending."""
    name = path.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = f"{zlib.crc32(os.fsencode(name)):08x}"
    return path.parent / f".{name}.{ending}"


def clear_partials(folder: Path) -> None:
    """Remove from a folder what processes that are gone were writing in it; what others are writing stays."""
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.name.startswith(".")]
    except OSError:
        return
    for name in names:
        path = folder / name
        if (match := _LEFT.fullmatch(name)) and _is_abandoned(path, match["host"], int(match["process"])):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _this_host() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _is_abandoned(path: Path, host: str, process: int) -> bool:
    if host == _this_host():
        import psutil

        return process != os.getpid() and not psutil.pid_exists(process)
    try:
        return time.time() - path.lstat().st_mtime > _ABANDONED_SECONDS
    except OSError:
        return False
