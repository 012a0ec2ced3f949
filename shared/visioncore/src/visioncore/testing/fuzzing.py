"""Damage done to small valid files by chance: whatever a reader makes of it, it is a result or one line of error."""

from __future__ import annotations

import shutil
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError

Reader = Callable[[Path], object]

_INTERESTING = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
_MOST_COPIED = 64


@dataclass(frozen=True)
class Sample:
    """A valid file and what reads it.

    Attributes:
        path: the file.
        read: called with a damaged copy of the same name.
        reader: name of the reader, for reports.
    """

    path: Path
    read: Reader
    reader: str


@dataclass(frozen=True)
class Finding:
    """An exception that is no `InputError`, or one that is not one line.

    Attributes:
        sample: the file that was damaged.
        seed: from which `damaged` makes the same bytes again.
        told: the exception with its traceback.
    """

    sample: Sample
    seed: int
    told: str

    def __str__(self) -> str:
        return f"{self.sample.reader} of {self.sample.path.name}, seed {self.seed}:\n{self.told}"


def damaged(content: bytes, seed: int) -> bytes:
    """Return bytes with one to four changes: flips, extreme values, cuts, holes, pieces that are copied or left out."""
    random = np.random.default_rng(seed)
    changed = bytearray(content)
    for _ in range(int(random.integers(1, 5))):
        if not changed:
            break
        # headers are at the beginning, where most that can go wrong does
        place = int(random.integers(0, len(changed) if random.random() < 0.5 else min(len(changed), 256)))
        length = int(random.integers(1, _MOST_COPIED))
        match int(random.integers(0, 8)):
            case 0:
                changed[place] ^= 1 << int(random.integers(0, 8))
            case 1:
                changed[place] = int(random.choice(_INTERESTING))
            case 2:
                changed[place : place + 4] = bytes([int(random.choice(_INTERESTING))]) * 4
            case 3:
                changed[place : place + length] = random.integers(0, 256, length, np.uint8).tobytes()
            case 4:
                del changed[place:]
            case 5:
                del changed[place : place + length]
            case 6:
                changed[place:place] = changed[place : place + length]
            case _:
                changed[place : place + 8 * length] = bytes(8 * length)
    return bytes(changed)


def fuzz(
    samples: list[Sample], folder: Path, seconds: float, first_seed: int = 0, most: int | None = None
) -> Iterator[Finding]:
    """Read damaged copies of the samples in turn, and yield what went wrong.

    Args:
        samples: the valid files, each in a folder of its own where it has companions, which are copied with it.
        folder: where the copies lie.
        seconds: after which no new copy is made.
        first_seed: of the first round; each round has the next.
        most: rounds at most; None goes on until the time is over.
    """
    end = time.monotonic() + seconds
    seed = first_seed
    while most is None or seed < first_seed + most:
        for sample in samples:
            if time.monotonic() > end:
                return
            if (told := _try(sample, folder, seed)) is not None:
                yield Finding(sample, seed, told)
        seed += 1


def _try(sample: Sample, folder: Path, seed: int) -> str | None:
    copy = folder / sample.path.parent.name / sample.path.name
    shutil.rmtree(copy.parent, ignore_errors=True)
    shutil.copytree(sample.path.parent, copy.parent)
    content = damaged(sample.path.read_bytes(), seed)
    copy.write_bytes(content)
    try:
        with warnings.catch_warnings(action="ignore"):
            sample.read(copy)
    except InputError as error:
        if "\n" in str(error) or not str(error):
            return f"an error that is not one line: {error!r}"
        if "weights_only" in str(error):
            return f"advice to read unsafely: {error}"
    except Exception:
        return traceback.format_exc(limit=-6)
    if copy.read_bytes() != content:
        return "the file was changed"
    return None
