"""Files in which the system describes itself."""

from __future__ import annotations

from pathlib import Path


def system_text(path: str) -> str:
    """Read a file of the system such as ``/proc/cpuinfo``; empty where there is no such file."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
