"""Images of a plan, made one after the other and kept, so that a run that was broken off goes on where it was."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visioncore.errors import InputError, some
from visioncore.files import read_json, writable_folder
from visioncore.inference.batch import progress
from visioncore.report import write_json

from ..inference.png_settings import read_settings, write_png
from ..inference.predictor import Predictor
from .plan import Cell, Plan
from .styles import PLAIN, StyleGroup

RECORD = "images.json"
"""File beside images that says how they were made."""


def make_images(predictor: Predictor, plan: Plan, folder: str | Path) -> None:
    """Make the images of a plan that are not there yet, each style's and those without a style.

    Args:
        predictor: makes them.
        plan: which ones.
        folder: for the images, see `Cell.file`.

    Raises:
        InputError: if the folder holds images that were made otherwise, a reference cannot be read, or it cannot be
            written.
    """
    folder = writable_folder(folder)
    _record(folder, plan, predictor)
    missing = {
        group: [cell for cell in plan.cells(group.name) if not (folder / cell.file).is_file()]
        for group in _groups(plan)
    }
    with progress(sum(map(len, missing.values())), "images") as advance:
        for group, cells in missing.items():
            style = predictor.pipeline.style(list(group.images)) if group.images and cells else None
            for number, prompt in enumerate(plan.prompts, start=1):
                seeds = [cell.seed for cell in cells if cell.prompt == number]
                if not seeds:
                    continue
                result = predictor(style, prompt, seed=seeds, **vars(plan.sampling))
                for seed, pixels, settings in zip(seeds, result.images, result.settings, strict=True):
                    write_png(folder / Cell(group.name, number, seed).file, pixels, settings)
                    advance()


def flagged(plan: Plan, folder: str | Path) -> str:
    """Return a line on the images that the base model's safety checker made black, empty if there are none."""
    cells = [cell for group in _groups(plan) for cell in plan.cells(group.name)]
    black = [cell.file for cell in cells if read_settings(Path(folder) / cell.file).get("flagged")]
    return f"the safety checker made {len(black)} images black, which count: {some(black, 3)}" if black else ""


def _groups(plan: Plan) -> list[StyleGroup]:
    return [*plan.styles, StyleGroup(PLAIN, ())]


def _record(folder: Path, plan: Plan, predictor: Predictor) -> None:
    """Note what the images are made of, or check that those in the folder were made of the same."""
    path, size = folder / RECORD, plan.sampling.size
    now: dict[str, dict[str, Any]] = {
        "settings": {**vars(plan.sampling), "size": size and list(size), **predictor.pipeline.recorded()},
        "prompts": {f"{number:02d}": text for number, text in enumerate(plan.prompts, start=1)},
        "styles": {style.name: [_digest(image) for image in style.images] for style in plan.styles},
    }
    if path.exists():
        before = read_json(path, "a record of images")
        for part, values in now.items():
            _check_same(folder, part, values, before.get(part, {}))
            now[part] = {**before.get(part, {}), **values}
    write_json(path, now)


def _check_same(folder: Path, part: str, now: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    changed = [name for name, value in now.items() if name in before and before[name] != value]
    if changed:
        raise InputError(
            f"{folder}: holds images of an earlier evaluation with other {part} ({some(changed)}); name another folder"
        )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
