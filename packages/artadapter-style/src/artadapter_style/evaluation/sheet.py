"""The images of an evaluation on one sheet: a column for each style below its reference, a row for each prompt."""

from __future__ import annotations

from pathlib import Path

from visioncore.diffusion.contact_sheet import Column, draw_sheet
from visioncore.metrics.evaluation import find_image_results

from .measures import read_pixels
from .plan import Cell, Plan
from .styles import PLAIN

MOST = 10
"""Prompts on the sheet, and styles."""


def write_sheet(plan: Plan, images: str | Path, path: str | Path) -> None:
    """Write a sheet of the first prompts and styles, at most `MOST` of each, with the first seed.

    Args:
        plan: which images there are.
        images: their folder; those without a style are shown if they are there.
        path: the PNG file.

    Raises:
        InputError: if an image is missing, or the file cannot be written.
    """
    columns = {style.name: Column(style.name, read_pixels(style.images[0])) for style in plan.styles[:MOST]}
    if (Path(images) / PLAIN).is_dir():
        columns[PLAIN] = Column("no style")
    prompts = plan.prompts[:MOST]
    cells = [[Cell(name, row, plan.seeds[0]) for name in columns] for row in range(1, len(prompts) + 1)]
    files = find_image_results(images, [cell.file for row in cells for cell in row], "image")
    shown = [[read_pixels(files[cell.file]) for cell in row] for row in cells]
    draw_sheet(Path(path), list(columns.values()), prompts, shown)
