"""Protocols: every prompt x every style group x every seed -> a table.

========== =========================================================================================================
name       what is measured
========== =========================================================================================================
alignment  by a CLIP that is given, as raw cosines: text_alignment of an image with its prompt, style_alignment with
           its references (the mean over them), content_leak with the captions of its references
distances  by VGG-19: gram_distance and statistics_distance from the references (the mean over them)
========== =========================================================================================================

Every number is the mean over the images of a style, then over styles, and stands with the network that it is of. The
images that the base model makes of the same prompts and noise without a style are measured beside the same references.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import torch

from visioncore.backbones.clip_embedding import ClipEmbedder
from visioncore.devices import resolve_device
from visioncore.errors import InputError
from visioncore.inference.batch import progress
from visioncore.metrics.evaluation import check_protocols, find_image_results
from visioncore.weights.fetched import backbone_file

from ..inference.predictor import Predictor
from ..method import METHOD
from .distances import StyleDistances
from .making import flagged, make_images
from .measures import ClipMeasure, Measure, VGGMeasure, read_pixels
from .plan import Plan
from .scores import MADE, Evaluation, Scored
from .styles import PLAIN, check_captions

Protocol = Literal["alignment", "distances"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
"""All that can be measured."""


def evaluate(
    plan: Plan,
    make: Predictor | str | Path,
    images: str | Path = "",
    *,
    protocols: Iterable[str] = ("distances",),
    clip: str | Path = "",
    vgg: str | Path = "",
    device: str | torch.device = "cpu",
) -> Evaluation:
    """Measure the images of a plan.

    Args:
        plan: prompts, styles and seeds.
        make: what makes the images; or a folder of images that any tool made, named as `Cell.file` says, in any format,
            with those without a style in the folder ``plain`` if there are any.
        images: folder in which made images are kept; those that are there already are not made again.
        protocols: what is measured, of `PROTOCOLS`.
        clip: weights of a CLIP for ``alignment``, see `ClipEmbedder`.
        vgg: torchvision's VGG-19 for ``distances``, or ``vgg19``, once it is fetched; by default a small one that is
            drawn at random.
        device: of the networks that measure.

    Raises:
        InputError: if images cannot be made or are missing, a network is, or a reference cannot be read.
    """
    wanted, place = check_protocols(protocols, PROTOCOLS), resolve_device(device)
    if ("alignment" in wanted) != bool(clip):
        raise InputError("alignment: is measured by a CLIP, which is not part of this package; give both, or neither")
    measures: list[Measure] = []
    if clip:
        measures.append(ClipMeasure(ClipEmbedder(clip, place), plan))
    if "distances" in wanted:
        measures.append(VGGMeasure(StyleDistances(vgg and backbone_file(METHOD, vgg), place), plan))
    if isinstance(make, Predictor):
        make_images(make, plan, images)
        folder, made_by, plain = Path(images), f"{METHOD.title}, base {make.base}, {make.dtype}", True
    else:
        folder, made_by, plain = Path(make), str(make), (Path(make) / PLAIN).is_dir()
    names = [style.name for style in plan.styles]
    cells = [cell for name in (*names, *[PLAIN] * plain) for cell in plan.cells(name)]
    files = find_image_results(folder, [cell.file for cell in cells], "image")
    scored = list[Scored]()
    with progress(len(cells), "images measured") as advance:
        for cell in cells:
            pixels = read_pixels(files[cell.file])
            found = [measure(pixels, cell.prompt) for measure in measures]
            by, beside = (PLAIN, names) if cell.style == PLAIN else (MADE, [cell.style])
            for style in beside:
                values = {metric: value for compare in found for metric, value in compare(style).items()}
                scored.append(Scored(by, replace(cell, style=style), values))
            advance()
    networks = {metric: measure.name for measure in measures for metric in measure.metrics}
    notes = [check_captions(plan.styles) if clip else ""]
    if isinstance(make, Predictor):
        notes += [make.notice, flagged(plan, images)]
    return Evaluation(plan, scored, networks, made_by, [note for note in notes if note])
