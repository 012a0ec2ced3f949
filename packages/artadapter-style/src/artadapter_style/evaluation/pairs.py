"""Blind pairs for people to judge: the same prompt, style and seed by two makers; who is who stands elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from visioncore.errors import InputError
from visioncore.files import read_list, whole_folder, write_text
from visioncore.images import Image, write_image
from visioncore.metrics.evaluation import find_image_results
from visioncore.report import Table

from .measures import read_pixels
from .plan import Cell, Plan

ANSWERS = "answers.csv"
COLUMNS = ("pair", "style", "prompt", "better")
SIDES = ("a", "b")


def find_pairs(plan: Plan, images: str | Path, out: Path) -> dict[str, Path]:
    """Return the files of a maker's images for pairs, by `Cell.file`.

    Args:
        plan: which images there are; those of the first seed are shown.
        images: folder of them.
        out: folder of the pairs.

    Raises:
        InputError: if an image is missing, or there is something in ``out`` already.
    """
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out}: there are files in it, answers perhaps; name another folder")
    return find_image_results(images, [cell.file for cell in _cells(plan)], "image")


def export_pairs(plan: Plan, ours: str | Path, theirs: str | Path, out: str | Path, seed: int = 0) -> int:
    """Write pairs of images into a folder, and return how many.

    Each pair is ``NNN-a.png`` and ``NNN-b.png`` beside its reference ``NNN-reference.png``, in drawn order, each maker
    as often ``a`` as ``b``. ``answers.csv`` has an empty column ``better``, to be filled with a or b. Which side is of
    which folder stands beside the folder, see `key_of`. The images are written anew, without their settings.

    Args:
        plan: which images there are; those of the first seed are shown.
        ours: folder of images.
        theirs: another one with the same images.
        out: a new folder.
        seed: of the order and the sides.

    Raises:
        InputError: if an image is missing, or the folder is there already or cannot be written.
    """
    out = Path(out)
    cells = _cells(plan)
    found = {str(folder): find_pairs(plan, folder, out) for folder in (ours, theirs)}
    if len(found) < 2:
        raise InputError(f"{ours}: the images would be compared with themselves; name another folder")
    drawn = np.random.default_rng(seed)
    order = drawn.permutation(len(cells))
    swapped = drawn.permutation(np.arange(len(cells)) % 2 == 1)
    references = {style.name: style.images[0] for style in plan.styles}
    answers, key = Table(COLUMNS), Table(["pair", *SIDES])
    with whole_folder(out) as folder:
        for number, (place, swap) in enumerate(zip(order, swapped, strict=True), start=1):
            cell = cells[place]
            makers = list(found)[:: -1 if swap else 1]
            sources = [found[maker][cell.file] for maker in makers]
            for name, source in zip((*SIDES, "reference"), (*sources, references[cell.style]), strict=True):
                write_image(folder / f"{number:03d}-{name}.png", Image(read_pixels(source)))
            answers.add(f"{number:03d}", cell.style, plan.prompt(cell), "")
            key.add(f"{number:03d}", *makers)
        (folder / ANSWERS).write_text(answers.csv(), encoding="utf-8")
    write_text(key_of(out), key.csv())
    return len(cells)


def _cells(plan: Plan) -> list[Cell]:
    return [cell for style in plan.styles for cell in plan.cells(style.name) if cell.seed == plan.seeds[0]]


def key_of(out: Path) -> Path:
    """Return the file beside a folder of pairs that says who made which side, such as ``pairs-key.csv``."""
    return out.with_name(f"{out.name}-key.csv")


def count_answers(folder: str | Path) -> Mapping[str, int]:
    """Return how often each maker was found better, by the answers in a folder of pairs and the key beside it.

    Raises:
        InputError: if a file cannot be read, or an answer is neither a nor b; empty ones do not count.
    """
    folder = Path(folder)
    key = {entry["pair"]: entry for _, entry in read_list(key_of(folder), ("pair", *SIDES), "a key of pairs")}
    counts = dict.fromkeys([entry[side] for entry in key.values() for side in SIDES], 0)
    for number, entry in read_list(folder / ANSWERS, COLUMNS, "a list of answers"):
        answer = entry.get("better", "").lower()
        if answer and (answer not in SIDES or entry["pair"] not in key):
            raise InputError(f"{folder / ANSWERS}, line {number}: better is {answer!r}; it should be a, b or empty")
        if answer:
            counts[key[entry["pair"]][answer]] += 1
    return counts
