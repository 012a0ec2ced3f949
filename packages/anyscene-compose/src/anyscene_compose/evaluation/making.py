"""Images of a plan, made once and kept: a run that was broken off goes on, and several processes share the work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from visioncore.diffusion.image_record import digest, keep_record
from visioncore.files import writable_folder
from visioncore.images import Image, write_image
from visioncore.inference.batch import progress
from visioncore.ranks import rank_and_processes

from ..inference.canvas import Canvas
from .baselines import Asked, Maker
from .cutouts import Cutout
from .plan import Cell, Plan


def make_images(makers: Sequence[Maker], plan: Plan, folder: str | Path) -> int:
    """Make this process's share of the images of a plan that are not there yet, and return how many others lack still.

    Args:
        makers: each makes every image.
        plan: which ones.
        folder: for the images, see `Cell.file`.

    Raises:
        InputError: if the folder holds images that were made otherwise, a cut-out cannot be read, or an image cannot be
            made or written.
    """
    for cutout in plan.cutouts:
        # before any of them is made
        _canvas(plan, cutout).composite()
    folder = writable_folder(folder)
    _record(folder, plan, makers)
    names = {maker.name: maker for maker in makers}
    cells = plan.cells(names)
    rank, processes = rank_and_processes()
    # a share is of whole prompts, whose seeds are made together
    groups = list(dict.fromkeys((cell.maker, cell.cutout, cell.prompt) for cell in cells))[rank::processes]
    missing = [cell for cell in cells if not (folder / cell.file).is_file()]
    waiting = {
        group: found
        for group in groups
        if (found := [cell for cell in missing if (cell.maker, cell.cutout, cell.prompt) == group])
    }
    with progress(sum(map(len, waiting.values())), "images") as advance:
        for (maker, _, _), some in waiting.items():
            made = names[maker](asked_of(plan, some[0]), [cell.seed for cell in some], plan.sampling)
            for cell, pixels in zip(some, made, strict=True):
                write_image(folder / cell.file, Image(np.ascontiguousarray(pixels)))
                advance()
    return sum(not (folder / cell.file).is_file() for cell in missing)


def asked_of(plan: Plan, cell: Cell) -> Asked:
    """Return the canvas and the texts of a cell of a plan.

    Raises:
        InputError: if the cut-out cannot be read.
    """
    return Asked(_canvas(plan, plan.cutout(cell)), plan.prompt(cell), plan.scene(cell))


def _canvas(plan: Plan, cutout: Cutout) -> Canvas:
    height, width = plan.sampling.size
    return cutout.canvas(width, height, plan.sampling.share)


def _record(folder: Path, plan: Plan, makers: Sequence[Maker]) -> None:
    """Note what the images are made of, or check that those in the folder were made of the same."""
    keep_record(
        folder,
        {
            "sampling": plan.sampling.told(),
            "prompts": {f"{number:02d}": text for number, text in enumerate(plan.prompts, start=1)},
            "cutouts": {each.key: [digest(each.file), each.name] for each in plan.cutouts},
            "makers": {maker.name: maker.recorded() for maker in makers},
        },
    )
