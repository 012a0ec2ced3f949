"""The place of this process among those that ``torchrun`` or ``accelerate launch`` has started."""

from __future__ import annotations

import os

from .errors import InputError


def rank_and_processes() -> tuple[int, int]:
    """Return the number of this process, from 0, and how many there are: ``RANK`` and ``WORLD_SIZE``.

    Without either, and of a ``WORLD_SIZE`` of 1, this process is the only one.

    Raises:
        InputError: if one of the two is missing, or they are not what they should be.
    """
    given = {name: os.environ.get(name) for name in ("RANK", "WORLD_SIZE")}
    if given["RANK"] is None and given["WORLD_SIZE"] in (None, "1"):
        return 0, 1
    rank, processes = (_number(text) for text in given.values())
    if rank is None or processes is None or rank >= processes:
        said = ", ".join(f"{name} is {'not set' if text is None else repr(text)}" for name, text in given.items())
        raise InputError(
            f"{said}; of several processes each needs both, RANK from 0 to WORLD_SIZE - 1; for one alone unset both"
        )
    return rank, processes


def local_rank() -> int | None:
    """Return the number of this process among those on this machine, ``LOCAL_RANK``; None where it is not set.

    Raises:
        InputError: if it is no number.
    """
    text = os.environ.get("LOCAL_RANK")
    number = _number(text)
    if text is not None and number is None:
        raise InputError(f"LOCAL_RANK is {text!r}; it must be a number from 0, or not be set")
    return number


def others_end_with_this() -> bool:
    """Return whether the launcher ends all other processes once this one exits with an error, as ``torchrun`` does."""
    return "TORCHELASTIC_RUN_ID" in os.environ and rank_and_processes()[1] > 1


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 10 else None
