"""Clean photos -> a training set on disk: clean and noisy images of the same names, optionally cut into squares."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from visioncore.errors import InputError, some
from visioncore.files import atomic_path, writable_folder, write_text
from visioncore.images import Image, eight_bit, read_image, write_image
from visioncore.inference.batch import Summary, process_files
from visioncore.inference.jobs import Job
from visioncore.inference.record import BatchRecord

from .noise import Corruption, as_floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

RECORD = "made_by.json"
"""Name of the record in a folder of pairs of how they were made."""
SIDE, STEP = 480, 240
"""Of the squares of the published training set, in pixels: overlapping by half."""


class _Made(NamedTuple):
    name: str
    clean: Pixels
    noisy: Pixels


def store_pairs(
    photos: Sequence[Path],
    out: str | Path,
    noise: Corruption,
    *,
    seed: int = 0,
    side: int | None = None,
    step: int = STEP,
    say: Callable[[str], None] = print,
) -> Summary:
    """Write ``out/clean/NAME.png`` and ``out/noisy/NAME.png`` for every photo, as `datasets.find_pairs` reads them.

    What an earlier, interrupted call has finished is not written again; pairs made otherwise are not added to. A
    photo's noise follows from ``seed`` and its name, so it does not matter how many processes share the work.

    Args:
        photos: clean photos, of different names.
        out: the folder to write in.
        noise: what is done to them; rounded to 8 bit.
        seed: of the noise.
        side: cut photos into squares of this side, ``NAME_s001.png`` and so on; None keeps them whole. 480 makes the
            32,592 squares of the published set out of DIV2K.
        step: pixels from a square to the next; the last of a row or column lies at the border.
        say: told of photos that failed.

    Raises:
        InputError: if two photos have one name, ``side`` or ``step`` is not positive, or ``out`` cannot be written or
            holds pairs of another noise, seed, side or step.
    """
    twice = [name for name, count in Counter(path.stem for path in photos).items() if count > 1]
    if twice:
        raise InputError(f"several photos are named {some(twice)}; they would be written to one file")
    if (side is not None and side < 1) or step < 1:
        raise InputError(f"side {side}, step {step}: both must be at least 1")
    for name in ("clean", "noisy"):
        writable_folder(Path(out) / name)
    settings = {"noise": str(noise), "seed": seed, "side": side, "step": step}
    _check_record(Path(out) / RECORD, settings)

    def make(read: tuple[str, Pixels]) -> list[_Made]:
        name, pixels = read
        return [
            _Made(part, clean, _noisy(clean, noise, np.random.default_rng([seed, zlib.crc32(part.encode())])))
            for part, clean in _parts(name, pixels, side, step)
        ]

    def write(made: list[_Made], target: Path) -> None:
        folder = target.parents[1]
        # the first is written last, as the sign that all are there
        for part in reversed(made):
            clean, noisy = (folder / name / f"{part.name}.png" for name in ("clean", "noisy"))
            # both are written before either has its name
            with atomic_path(clean) as whole_clean, atomic_path(noisy) as whole_noisy:
                write_image(whole_clean, Image(part.clean))
                write_image(whole_noisy, Image(part.noisy))

    first = "" if side is None else "_s001"
    results = [[Path(out) / name / f"{path.stem}{first}.png" for name in ("noisy", "clean")] for path in photos]
    jobs = [Job(path, noisy, (clean,)) for path, (noisy, clean) in zip(photos, results, strict=True)]
    return process_files(
        jobs,
        lambda path: (path.stem, eight_bit(read_image(path).pixels)),
        make,
        write,
        record=BatchRecord(Path(out), settings),
        say=say,
    )


def _check_record(record: Path, settings: dict[str, object]) -> None:
    """Validate that a folder's pairs were made with these settings; in a new folder, record them."""
    content = json.dumps(settings, indent=1) + "\n"
    if not record.is_file():
        write_text(record, content)
    elif record.read_text(encoding="utf-8") != content:
        raise InputError(
            f"{record}: the pairs there were made otherwise; give the settings it names, or another folder"
        )


def _noisy(clean: Pixels, noise: Corruption, rng: np.random.Generator) -> Pixels:
    noisy = noise(as_floats(clean), rng)
    return np.rint(noisy.clip(0, 1) * 255).astype(np.uint8)


def _parts(name: str, pixels: Pixels, side: int | None, step: int) -> Iterator[tuple[str, Pixels]]:
    if side is None:
        yield name, pixels
        return
    corners = [
        (top, left) for top in _starts(pixels.shape[0], side, step) for left in _starts(pixels.shape[1], side, step)
    ]
    for number, (top, left) in enumerate(corners, start=1):
        yield f"{name}_s{number:03d}", pixels[top : top + side, left : left + side]


def _starts(length: int, side: int, step: int) -> list[int]:
    """Return the starts of the squares along an axis; a photo that is smaller than a square is taken as it is."""
    starts = list(range(0, max(1, length - side + 1), step))
    if starts[-1] + side < length:
        starts.append(length - side)
    return starts
