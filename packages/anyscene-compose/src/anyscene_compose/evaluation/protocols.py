"""Protocols: every maker x every cut-out x every prompt x every seed -> a table.

=========== ========================================================================================================
name        what is measured
=========== ========================================================================================================
expansion   how far the object that is found grew beyond the cut-out's outline
fidelity    PSNR and SSIM of the cut-out's opaque pixels; with the networks that are given LPIPS, CLIP's and DINO's
            similarity of its crop
duplication how much the likeliest place outside looks like the cut-out; by CLIP, whether the scene without it is
            nearer to its name than to the rest of the prompt; what a judge says who is given
harmony     distance of colours between the cut-out and the ring around it; how steep the boundary is
scene       by CLIP, how well image and prompt agree, and the distance of Frechet from real photos
=========== ========================================================================================================

Every number is the mean over the images of a maker, and stands with the network that it is of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch

from visioncore.backbones.clip_embedding import ClipEmbedder
from visioncore.devices import resolve_device
from visioncore.errors import InputError
from visioncore.files import expand_inputs
from visioncore.images import IMAGE_SUFFIXES
from visioncore.inference.batch import progress
from visioncore.metrics.evaluation import check_protocols, find_image_results
from visioncore.weights.fetched import backbone_file

from ..method import METHOD
from .areas import Pixels
from .colours import frechet_distance
from .composing import OURS
from .cutouts import foreground_of
from .duplication import Judge
from .lpips import LPIPS
from .making import asked_of
from .measures import (
    CLIP_METRICS,
    ClipMeasure,
    Copies,
    Fidelity,
    Growth,
    Harmony,
    JudgedCopies,
    Likeness,
    Measure,
    Perception,
    Shown,
)
from .object_masks import Finder, by_colours
from .plan import Cell, Plan
from .reading import read_pixels
from .scores import Evaluation, Scored
from .vectors import ImageVectors

Protocol = Literal["expansion", "fidelity", "duplication", "harmony", "scene"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
"""All that can be measured."""
WITHOUT_NETWORKS: tuple[Protocol, ...] = PROTOCOLS[:4]


@dataclass(frozen=True)
class Networks:
    """Networks that measure images beside their pixels; all are optional.

    Attributes:
        finder: of objects that may have grown; the colours of the outline by default.
        finder_name: to stand beside its numbers.
        clip: weights of a CLIP, see `ClipEmbedder`, or ``clip-vit-l-14`` once it is fetched.
        dino: folder of a network of transformers.
        lpips: torchvision's AlexNet, and the weights of its channels.
        judge: of second copies.
        judge_name: to stand beside its numbers.
        real: photos, files or folders, that scenes are compared with by CLIP.
    """

    finder: Finder = by_colours
    finder_name: str = "colours of the outline"
    clip: str | Path = ""
    dino: str | Path = ""
    lpips: tuple[str | Path, str | Path] | None = None
    judge: Judge | None = None
    judge_name: str = "judge"
    real: Sequence[str | Path] = ()


def evaluate(
    plan: Plan,
    images: str | Path,
    makers: Sequence[str] = (),
    *,
    measures: Sequence[Measure] | None = None,
    made_by: str = "",
) -> Evaluation:
    """Measure the images of a plan.

    Args:
        plan: cut-outs, prompts and seeds.
        images: their folder, which `make_images` or any tool filled, in any format, named as `Cell.file` says.
        makers: folders in it; all by default.
        measures: of `make_measures`; by default those that need no network.
        made_by: what made the images, for reports; by default the folder.

    Raises:
        InputError: if images are missing, cannot be read, or are of another size than the plan says.
    """
    measures = make_measures() if measures is None else measures
    makers = tuple(makers) or makers_in(images)
    cells = plan.cells(makers)
    files = find_image_results(images, [cell.file for cell in cells], "image")
    foregrounds = {each.key: _foreground(plan, each.key, makers[0]) for each in plan.cutouts}
    scored = list[Scored]()
    with progress(len(cells), "images measured") as advance:
        for cell in cells:
            shown = _shown(plan, cell, files[cell.file], foregrounds[cell.cutout])
            scored.append(Scored(cell, {name: value for each in measures for name, value in each(shown).items()}))
            advance()
    by = {metric: measure.name for measure in measures for metric in measure.metrics}
    sets, notes = _frechet(measures, [cell.maker for cell in cells])
    if sets:
        by["frechet_distance"] = by["text_alignment"]
    return Evaluation(plan, scored, by, made_by or str(images), sets, notes)


def make_measures(
    protocols: Iterable[str] = WITHOUT_NETWORKS,
    networks: Networks | None = None,
    device: str | torch.device = "cpu",
) -> list[Measure]:
    """Return the measures of some protocols.

    Args:
        protocols: of `PROTOCOLS`.
        networks: that measure beside pixels.
        device: of the networks.

    Raises:
        InputError: if a protocol is unknown, or a network is missing or cannot be read.
    """
    wanted, given = check_protocols(protocols, PROTOCOLS), networks or Networks()
    if "scene" in wanted and not given.clip:
        raise InputError("scene: is measured by a CLIP, which is not part of this package; give its weights")
    if given.real and "scene" not in wanted:
        raise InputError("real photos are compared with by the protocol scene; ask for it too")
    place = resolve_device(device)
    measures: list[Measure] = []
    if "expansion" in wanted:
        measures.append(Growth(given.finder, given.finder_name))
    if "fidelity" in wanted:
        measures.append(Fidelity())
        if given.lpips:
            measures.append(Perception(LPIPS(*given.lpips, place)))
        if given.dino:
            measures.append(Likeness(ImageVectors(given.dino, place)))
    if "duplication" in wanted:
        measures.append(Copies())
        if given.judge:
            measures.append(JudgedCopies(given.judge, given.judge_name))
    if "harmony" in wanted:
        measures.append(Harmony())
    asked = tuple(CLIP_METRICS[name] for name in CLIP_METRICS if name in wanted)
    if given.clip and asked:
        embed = ClipEmbedder(backbone_file(METHOD, given.clip), place)
        photos = expand_inputs(given.real, IMAGE_SUFFIXES) if given.real else []
        measures.append(ClipMeasure(embed, asked, map(read_pixels, photos) if photos else None))
    return measures


def makers_in(images: str | Path) -> tuple[str, ...]:
    """Return the folders of makers in a folder of images, the method's own first.

    Raises:
        InputError: if there is none.
    """
    folder = Path(images)
    names = [each.name for each in folder.iterdir() if each.is_dir()] if folder.is_dir() else []
    if not names:
        raise InputError(f"{folder}: no folder of images in it; it should have one for each maker, such as paste")
    return tuple(sorted(names, key=lambda name: (name != OURS, name)))


def _foreground(plan: Plan, key: str, maker: str) -> Pixels:
    return foreground_of(asked_of(plan, Cell(maker, key, 1, plan.seeds[0])).canvas)


def _shown(plan: Plan, cell: Cell, file: Path, foreground: Pixels) -> Shown:
    image = read_pixels(file)
    if image.shape[:2] != foreground.shape[:2]:
        (height, width), (high, wide) = image.shape[:2], foreground.shape[:2]
        raise InputError(f"{file}: {width} x {height} pixels; the canvas of the plan is {wide} x {high}")
    return Shown(image, foreground, plan.cutout(cell).name, plan.prompt(cell), plan.scene(cell))


def _frechet(measures: Sequence[Measure], makers: Sequence[str]) -> tuple[Mapping[str, Mapping[str, float]], list[str]]:
    """Return the distance of each maker's images from real ones, where there are more of both than CLIP has numbers."""
    found = next((each for each in measures if isinstance(each, ClipMeasure) and each.real is not None), None)
    if found is None or found.real is None:
        return {}, []
    sets: dict[str, dict[str, float]] = {}
    for maker in dict.fromkeys(makers):
        vectors = torch.stack([each for each, name in zip(found.vectors, makers, strict=True) if name == maker])
        if (fewest := min(len(vectors), len(found.real))) <= vectors.shape[1]:
            told = f"{fewest} images are too few; more than {vectors.shape[1]} are needed on both sides"
            return {}, [f"frechet_distance: {told}"]
        sets[maker] = {"frechet_distance": frechet_distance(vectors.numpy(), found.real.numpy())}
    return sets, []
