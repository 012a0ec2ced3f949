"""The makers and the networks of a benchmark, by the options of its command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from visioncore.errors import InputError
from visioncore.weights.fetched import backbone_file

from ..inference.predictor import Predictor
from ..inference.segmenting import load_sam
from ..method import METHOD
from .baselines import EdgePasting, Inpainting, Maker, Pasting
from .composing import Composing
from .object_masks import SegmentAnything
from .protocols import Networks


def makers_of(
    predictor: Predictor,
    baselines: Sequence[str] = (),
    *,
    inpainting: str = "",
    canny: str = "",
    clip: str = "",
    **options: Any,
) -> list[Maker]:
    """Return the method and what it is compared with.

    Args:
        predictor: with the injector on its base.
        baselines: of ``paste``, ``inpainting`` and ``canny``; all by default, canny if it is given.
        inpainting: folder of a model for inpainting; empty for the base.
        canny: as of `EdgePasting`; empty for none.
        clip: weights of a CLIP, for an injector that sees elements by it.
        options: of `AnyScene.compose`.

    Raises:
        InputError: if a model cannot be read, or canny is asked for and not given.
    """
    pipeline, base = predictor.pipeline, predictor.pipeline.base
    injector = pipeline.injector
    if clip and injector is not None and (injector.config.encoder, injector.config.form) == ("clip", "anyscene"):
        injector.use_clip(backbone_file(METHOD, clip))
    wanted = tuple(baselines) or ("paste", "inpainting", *(["canny"] if canny else []))
    makers: list[Maker] = [Composing(pipeline, **options)]
    if "paste" in wanted:
        makers.append(Pasting(base, pipeline.batch))
    if "inpainting" in wanted:
        makers.append(Inpainting(base, inpainting, pipeline.batch))
    if "canny" in wanted:
        if not canny:
            raise InputError("canny: edge control needs a ControlNet; give it by --canny")
        makers.append(EdgePasting(base, canny, pipeline.batch))
    return makers


def networks_of(
    *,
    sam: str = "",
    clip: str = "",
    dino: str = "",
    lpips: Sequence[str] = (),
    real: Sequence[str] = (),
    device: str = "auto",
) -> Networks:
    """Return the networks that measure; each is optional.

    Args:
        sam: checkpoint of Segment Anything.
        clip: weights of a CLIP.
        dino: folder of transformers.
        lpips: torchvision's AlexNet, and ``alex.pth``.
        real: photos to compare scenes with.
        device: of Segment Anything.

    Raises:
        InputError: if a file cannot be read, or those of LPIPS are not two.
    """
    if lpips and len(lpips) != 2:
        raise InputError(f"lpips has {len(lpips)} files; it takes two: torchvision's AlexNet and alex.pth")
    finder: dict[str, Any] = {}
    if sam:
        name = f"Segment Anything of {Path(sam).name}"
        finder = {"finder": SegmentAnything(load_sam(sam, device)), "finder_name": name}
    files = (lpips[0], lpips[1]) if lpips else None
    return Networks(**finder, clip=clip, dino=dino, lpips=files, real=real)
