"""Prompts x styles: an image of each pair, and all of them on one contact sheet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.diffusion.contact_sheet import Column, draw_sheet
from visioncore.diffusion.latents import seeds_of
from visioncore.errors import InputError
from visioncore.files import clear_partials, expand_inputs, writable_folder
from visioncore.images import eight_bit, on_white, read_image
from visioncore.images.png_settings import write_png
from visioncore.inference.batch import Summary, is_fault_of_file, my_share, progress, told
from visioncore.inference.generated import SUFFIX
from visioncore.inference.jobs import Job, check_results
from visioncore.inference.record import BatchRecord
from visioncore.inference.run_record import write_run

from ..method import METHOD, STYLE_SUFFIX
from .files import SEARCHED, checked, recorded
from .predictor import Predictor

SHEET = "sheet.png"


@dataclass(frozen=True)
class Cell:
    """One image of a grid.

    Attributes:
        style: file of the style.
        prompt: what it shows.
        seed: of its noise.
        target: its file.
    """

    style: Path
    prompt: str
    seed: int
    target: Path


@dataclass(frozen=True)
class Grid:
    """Prompts x seeds from top to bottom, styles from left to right.

    Attributes:
        styles: names of their columns by their files.
        prompts: in their order.
        seeds: of each pair.
        out: folder of the images: ``<name of the style>/<number and words of the prompt>.png``.
    """

    styles: Mapping[Path, str]
    prompts: Sequence[str]
    seeds: Sequence[int]
    out: Path

    def cells(self) -> list[Cell]:
        """Return the images, style by style."""
        return [cell for row in zip(*self.rows(), strict=True) for cell in row]

    def rows(self) -> list[list[Cell]]:
        """Return the images, row by row."""
        return [
            [
                Cell(style, prompt, seed, self.out / name / self._file(number, seed))
                for style, name in self.styles.items()
            ]
            for number, prompt in enumerate(self.prompts, start=1)
            for seed in self.seeds
        ]

    def labels(self) -> list[str]:
        """Return the labels of the rows."""
        several = len(self.seeds) > 1
        return [prompt + (f" (seed {seed})" if several else "") for prompt in self.prompts for seed in self.seeds]

    def _file(self, number: int, seed: int) -> str:
        words = "-".join(re.findall(r"\w+", self.prompts[number - 1].lower()))[:40].strip("-")
        parts = [f"{number:02d}", *([words] if words else []), *([str(seed)] if len(self.seeds) > 1 else [])]
        return "-".join(parts) + SUFFIX


def plan_grid(styles: Sequence[str | Path], prompts: Sequence[str], seeds: Sequence[int], out: Path) -> Grid:
    """Return a grid.

    Args:
        styles: files, folders, glob patterns of references and style files.
        prompts: at least one.
        seeds: of each pair.
        out: folder for the images.

    Raises:
        InputError: if there is no style or no prompt, one is given twice, or a result would be written over a style.
    """
    if not prompts:
        raise InputError("no prompt is given; give at least one")
    if twice := [prompt for prompt, count in Counter(prompts).items() if count > 1]:
        raise InputError(f"the prompt {twice[0]!r} is given twice; each only once")
    files = [path for path in expand_inputs(styles, SEARCHED) if out.resolve() not in path.resolve().parents]
    if not files:
        raise InputError(f"no style in the inputs but earlier results in {out}")
    stems = Counter(path.stem for path in files)
    names = {path: path.stem if stems[path.stem] == 1 else path.name for path in files}
    if alike := [name for name, count in Counter(names.values()).items() if count > 1]:
        raise InputError(f"several styles are called {alike[0]}; give them different names")
    grid = Grid(names, tuple(prompts), tuple(seeds), out)
    check_results(files, [*(cell.target for cell in grid.cells()), out / SHEET], "reference")
    return grid


def mix_files(
    styles: Sequence[str | Path],
    prompts: Sequence[str],
    predictor: Predictor,
    out: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Make an image of every prompt in every style, and a contact sheet of them.

    What was made of the same style file with the same weights and options, as ``made.jsonl`` in the folder says, is
    skipped. A style that cannot be read is reported and the others still run; its places on the sheet stay empty. Under
    ``accelerate launch`` or ``torchrun`` the processes share the images, and the last one draws the sheet.

    Args:
        styles: files, folders, glob patterns of references and style files.
        prompts: what the images show.
        predictor: does the work.
        out: folder for the images, the sheet and ``run.json``.
        options: further arguments of `ArtAdapterPipeline.__call__`; ``seed`` and ``images`` for several of each pair.
        overwrite: make images anew that are there already.
        say: told a line for each style that failed.

    Returns:
        What was done, skipped and failed; its ``exit_code`` is 1 if a style failed.

    Raises:
        InputError: as `plan_grid`; if the folder cannot be written.
    """
    options, out = dict(options or {}), Path(out)
    grid = plan_grid(styles, prompts, seeds_of(options.pop("seed", 0), options.pop("images", None)), out)
    settings = predictor.recorded() | recorded(options)
    options = checked(predictor, options)
    writable_folder(out)
    for name in grid.styles.values():
        clear_partials(out / name)
    summary = _make(grid, predictor, options, settings, overwrite, say)
    missing = [cell for cell in grid.cells() if not cell.target.exists()]
    # of several processes, the last one to finish
    if all(cell.style in summary.failed for cell in missing):
        _draw(grid)
    write_run(METHOD, out, settings, summary, images=[_told(cell, out) for cell in grid.cells()])
    return summary


def _make(
    grid: Grid,
    predictor: Predictor,
    options: dict[str, Any],
    settings: Mapping[str, Any],
    overwrite: bool,
    say: Callable[[str], None],
) -> Summary:
    """Make this process's share of the images."""
    summary = Summary()
    records = {
        (prompt, seed): BatchRecord(grid.out, {**settings, "prompt": prompt, "seed": seed})
        for prompt in grid.prompts
        for seed in grid.seeds
    }
    cells = {Job(cell.style, cell.target): cell for cell in grid.cells()}
    mine = my_share(list(cells))
    for job in mine:
        record = records[cells[job].prompt, cells[job].seed]
        if not overwrite and record.is_there(job) and record.reason(job) is None:
            summary.skipped.append(job.target)
    skipped = set(summary.skipped)
    waiting = [cells[job] for job in mine if job.target not in skipped]
    mix = options.pop("mix", None)
    with progress(len(waiting), "images") as advance:
        for style in dict.fromkeys(cell.style for cell in waiting):
            try:
                read = predictor.pipeline.style(style, mix=mix)
                for some in _batches([cell for cell in waiting if cell.style == style], predictor.batch):
                    prompts = [cell.prompt for cell in some]
                    result = predictor(read, prompts, **options, seed=some[0].seed)
                    for cell, pixels, how in zip(some, result.images, result.settings, strict=True):
                        write_png(cell.target, pixels, how, METHOD.name)
                        records[cell.prompt, cell.seed].add(Job(style, cell.target))
                        summary.done.append(cell.target)
                        advance()
            except Exception as error:
                if not is_fault_of_file(error):
                    raise
                summary.failed[style] = told(error, [style])
                say(f"failed: {summary.failed[style]}")
    return summary


def _batches(cells: Sequence[Cell], most: int) -> Iterator[list[Cell]]:
    """Yield the images of a style, those of one seed together, up to ``most`` at a time."""
    for seed in dict.fromkeys(cell.seed for cell in cells):
        alike = [cell for cell in cells if cell.seed == seed]
        for start in range(0, len(alike), most):
            yield alike[start : start + most]


def _draw(grid: Grid) -> None:
    columns = [Column(name, _head(style)) for style, name in grid.styles.items()]
    cells = [[_pixels(cell.target) if cell.target.exists() else None for cell in row] for row in grid.rows()]
    draw_sheet(grid.out / SHEET, columns, grid.labels(), cells)


def _head(style: Path) -> NDArray[np.uint8] | None:
    """Return the image of a reference, if it is one that can be read."""
    try:
        return None if style.suffix.lower() == STYLE_SUFFIX else _pixels(style)
    except InputError:
        return None


def _pixels(path: Path) -> NDArray[np.uint8]:
    return eight_bit(on_white(read_image(path)).pixels)


def _told(cell: Cell, out: Path) -> dict[str, Any]:
    place = cell.target.relative_to(out).as_posix()
    return {"file": place, "style": str(cell.style), "prompt": cell.prompt, "seed": cell.seed}
