"""Images of a plan, made one after the other and kept, so that a run that was broken off goes on where it was."""

from __future__ import annotations

from pathlib import Path

from visioncore.diffusion.image_record import digest, keep_record
from visioncore.errors import some
from visioncore.files import writable_folder
from visioncore.images.png_settings import read_settings, write_png
from visioncore.inference.batch import progress

from ..inference.predictor import Predictor
from ..method import METHOD
from .plan import Cell, Plan
from .styles import PLAIN, StyleGroup


def make_images(predictor: Predictor, plan: Plan, folder: str | Path) -> None:
    """Make the images of a plan that are not there yet, each style's and those without a style.

    Args:
        predictor: makes them.
        plan: which ones.
        folder: for the images, see `Cell.file`.

    Raises:
        InputError: if the plan cannot be made, the folder holds images that were made otherwise, a reference cannot be
            read, or it cannot be written.
    """
    predictor.pipeline.check(plan.prompts, seed=plan.seeds, **vars(plan.sampling))
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
                    write_png(folder / Cell(group.name, number, seed).file, pixels, settings, METHOD.name)
                    advance()


def flagged(plan: Plan, folder: str | Path) -> str:
    """Return a line on the images that the base model's safety checker made black, empty if there are none."""
    cells = [cell for group in _groups(plan) for cell in plan.cells(group.name)]
    black = [cell.file for cell in cells if read_settings(Path(folder) / cell.file, METHOD.name).get("flagged")]
    return f"the safety checker made {len(black)} images black, which count: {some(black, 3)}" if black else ""


def _groups(plan: Plan) -> list[StyleGroup]:
    return [*plan.styles, StyleGroup(PLAIN, ())]


def _record(folder: Path, plan: Plan, predictor: Predictor) -> None:
    """Note what the images are made of, or check that those in the folder were made of the same."""
    size = plan.sampling.size
    settings = {**vars(plan.sampling), "size": size and list(size), **predictor.pipeline.recorded()}
    prompts = {f"{number:02d}": text for number, text in enumerate(plan.prompts, start=1)}
    styles = {style.name: [digest(image) for image in style.images] for style in plan.styles}
    keep_record(folder, {"settings": settings, "prompts": prompts, "styles": styles})
