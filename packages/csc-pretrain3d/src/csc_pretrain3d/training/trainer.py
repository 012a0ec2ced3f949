"""Training by recipe: which frames a run takes, and which stage it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from visioncore.errors import InputError
from visioncore.recipes import load_recipe
from visioncore.training import FitResult, hold_out

from ..data.datasets import DataSet, NuScenes, SemanticKITTI, open_frames
from ..data.frames import chosen, labelled_part
from ..data.made_frames import MadeFrames
from ..method import PACKAGE
from .config import TrainConfig
from .stages import finetune, finetune_panoptic, pretrain

MADE = 64
"""Training scenes that are made where no data is given; one of ``label_every`` has labels in fine-tuning."""
FIRST_MADE = 1_000
MOST_HELD_OUT = 200


def train(
    recipe: str | Path,
    data: str | Path | None = None,
    out: str | Path = "run",
    *,
    weights: str | Path | None = None,
    images: str | Path | None = None,
    segments: str | Path | None = None,
    labels: str | None = None,
    validation: str | Path | None = None,
    overrides: Mapping[str, str] | None = None,
    resume: bool = True,
) -> FitResult:
    """Train a network by a recipe; an interrupted run is resumed.

    Args:
        recipe: name of a shipped recipe or path of a YAML file, whose ``stage`` says what is trained.
        data: frames, whatever `open_frames` takes; None for made-up streets.
        out: the run's folder; ``out/best`` (of a stage with labels) and ``out/last`` hold the weights.
        weights: start from a network, whatever `load_model` takes; in fine-tuning every tensor of equal name and shape
            is taken, so that its last layer may be another.
        images: weights of the image branch's encoder, for pre-training; whatever `load_encoder` takes.
        segments: the folder of segments for pre-training; a folder of one's own has them inside.
        labels: which ones, see `open_frames`; default: the usual ones, with instances where the stage needs them.
        validation: labelled data to validate on, its part ``val`` where it has parts; default: a tenth of the scenes is
            held out.
        overrides: recipe fields by dotted name, such as ``{"loop.steps": "1000"}``.
        resume: go on from the newest run state in ``out``; False removes an earlier run.

    Raises:
        InputError: if the recipe, the weights or the data is not what it should be, they do not fit each other, or
            ``out`` holds another run or cannot be written.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    config = load_recipe(TrainConfig, PACKAGE, recipe, overrides)
    starts = {"weights": weights, "images": images, "validation": validation}
    if config.stage == "pretrain":
        if validation is not None or labels is not None:
            raise InputError("validation and labels are for stages with labels; this recipe's is pretrain")
        return pretrain(config, _frames(data, config, segments=segments), out, starts, resume=resume)
    if images is not None or segments is not None:
        raise InputError(f"images and segments are for the stage pretrain; this recipe's is {config.stage}")
    frames = _frames(data, config, labels=labels)
    classes = frames.classes
    if validation is None:
        where = f"{data or 'made-up streets'}: scenes"
        inside, outside = hold_out(frames.scenes, 0.1, most=MOST_HELD_OUT, seed=config.loop.seed, where=where)
        seen, held_out = chosen(frames, inside), chosen(frames, outside)
    else:
        others = _frames(validation, config, labels=labels, validating=True)
        if others.classes.names != classes.names:
            raise InputError(f"{validation}: has other classes than {data}; validate on data with the same")
        seen, held_out = chosen(frames, range(len(frames))), chosen(others, range(len(others)))
    labelled = labelled_part(seen, config.label_every, config.label_unit)
    tune = finetune_panoptic if config.stage == "panoptic" else finetune
    return tune(config, labelled, held_out, out, starts, classes=classes, resume=resume)


def _frames(
    data: str | Path | None,
    config: TrainConfig,
    *,
    segments: str | Path | None = None,
    labels: str | None = None,
    validating: bool = False,
) -> DataSet | MadeFrames:
    """Return the frames of data, of its validation part or else of that which is trained on."""
    cameras = config.stage == "pretrain"
    if data is None:
        if segments is not None or labels is not None:
            raise InputError("segments and labels belong to data, which is missing")
        return MadeFrames(range(FIRST_MADE, FIRST_MADE + MADE), cameras=cameras)

    def open_part(split: str | None, labels: str | None) -> DataSet:
        return open_frames(data, split, segments=segments, semantic=config.semantic, labels=labels, cameras=cameras)

    found = open_part(None, labels)
    split = "val" if validating and isinstance(found, NuScenes | SemanticKITTI) else None
    wanted = "panoptic" if config.stage == "panoptic" and isinstance(found, NuScenes) else labels
    return found if (split, wanted) == (None, labels) else open_part(split, wanted)
