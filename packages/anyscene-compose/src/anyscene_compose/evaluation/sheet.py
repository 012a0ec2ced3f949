"""The images of a benchmark on one sheet: a column for each maker beside the foreground, a row for each prompt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from visioncore.diffusion.contact_sheet import Column, draw_sheet
from visioncore.metrics.evaluation import find_image_results

from .cutouts import foreground_of, pasted
from .making import asked_of
from .plan import Cell, Plan
from .reading import read_pixels

MOST = 12
"""Rows on the sheet."""


def write_sheet(plan: Plan, makers: Sequence[str], images: str | Path, path: str | Path) -> None:
    """Write a sheet of the first cut-outs and prompts, at most `MOST` of both together, with the first seed.

    Args:
        plan: which images there are.
        makers: names of the columns.
        images: their folder.
        path: the PNG file.

    Raises:
        InputError: if an image is missing or cannot be read, or the file cannot be written.
    """
    # as many cut-outs as go, each with as many prompts
    prompts = max(1, MOST // len(plan.cutouts))
    rows = [
        (cutout.key, number)
        for cutout in plan.cutouts[:MOST]
        for number in range(1, min(prompts, len(plan.prompts)) + 1)
    ]
    cells = [[Cell(maker, key, number, plan.seeds[0]) for maker in makers] for key, number in rows]
    files = find_image_results(images, [cell.file for row in cells for cell in row], "image")
    shown = []
    for row in cells:
        foreground = foreground_of(asked_of(plan, row[0]).canvas)
        ground = pasted(foreground, np.full_like(foreground[..., :3], 128))
        shown.append([ground, *(read_pixels(files[cell.file]) for cell in row)])
    columns = [Column("foreground"), *(Column(maker) for maker in makers)]
    draw_sheet(Path(path), columns, [plan.prompt(row[0]) for row in cells], shown)
