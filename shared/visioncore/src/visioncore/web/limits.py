"""How much a user of the page may ask for."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InputError

MOST_TEXT = 300
"""Characters of a text option."""
KEPT_SECONDS = 3600
"""Files that no open page holds any more are removed after this, whatever became of the page."""


@dataclass(frozen=True)
class Limits:
    """Limits of uploads, runs and the queue."""

    megabytes: int = 200
    """Of an upload, at most."""
    seconds: int = 600
    """Of a run, at most; it is ended then."""
    waiting: int = 20
    """Runs that wait for theirs to begin, at most."""

    def __post_init__(self) -> None:
        for name in ("megabytes", "seconds", "waiting"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name} {getattr(self, name)}: at least 1 is needed")
