"""How much others may ask for."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InputError


@dataclass(frozen=True)
class Limits:
    """Limits of what is sent, of runs and of the queue.

    Attributes:
        seconds: of a run; it is ended then.
        megabytes: of what is sent for a run, and of what is packed in it.
        inputs: of a run.
        waiting: runs that may wait while one goes.
    """

    seconds: float = 600.0
    megabytes: float = 256.0
    inputs: int = 100
    waiting: int = 4

    def __post_init__(self) -> None:
        for name, least in (("seconds", 1), ("megabytes", 0.001), ("inputs", 1), ("waiting", 0)):
            if not getattr(self, name) >= least:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least {least}")

    @property
    def bytes(self) -> int:
        """`megabytes`, in bytes."""
        return int(self.megabytes * 2**20)
