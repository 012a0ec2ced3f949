"""Training by recipe: which clips a run takes, and which stage it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from visioncore.errors import InputError
from visioncore.recipes import load_recipe
from visioncore.training import FitResult
from visioncore.training.accelerator import start_accelerator

from ..inference.embedders import Embedder, Named, make_embedder
from ..method import PACKAGE
from ..network.animation import AnimationPipeline
from .clips import clips_of
from .config import TrainConfig
from .stages import train_autoencoder, train_frame, train_motion
from .start import read_start


def train(
    recipe: str | Path,
    data: str | Path | None = None,
    out: str | Path = "run",
    *,
    weights: str | Path | None = None,
    motion: str | Path | None = None,
    embedder: Embedder | Named = "auto",
    embedder_weights: str | Path | None = None,
    videos: str | Path | None = None,
    validation: str | Path | None = None,
    overrides: Mapping[str, str] | None = None,
    resume: bool = True,
) -> FitResult:
    """Train a network by a recipe; an interrupted run is resumed.

    Args:
        recipe: name of a shipped recipe or path of a YAML file, whose ``stage`` says what is trained.
        data: clips, whatever `open_clips` takes; None for made-up ones, to try it out.
        out: the run's folder; ``out/last`` holds the weights, and ``out/best`` those of the stage autoencoder that
            reconstructed best.
        weights: what the stage starts from, whatever `load_model` takes: the stage motion needs an auto-encoder, or a
            pipeline to go on with, and the stage frame a pipeline.
        motion: the folder in which the motion of clips is kept between runs; default: ``out/motion``.
        embedder: of the stage motion, makes the tokens of the first frame of a clip, and its text or class; or the name
            of one, of which ``auto`` is that of a recipe with prompts, or none.
        embedder_weights: the file of a named one.
        videos: folder that names in lists start from; default: that of the list.
        validation: clips to validate on; default: a share of the others is held out.
        overrides: recipe fields by dotted name, such as ``{"loop.steps": "1000"}``.
        resume: go on from the newest run state in ``out``; False removes an earlier run.

    Raises:
        InputError: if the recipe, the weights or the data is not what it should be, they do not fit each other, or
            ``out`` holds another run or cannot be written.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    config = load_recipe(TrainConfig, PACKAGE, recipe, overrides)
    if config.stage == "autoencoder" and motion is not None:
        raise InputError("motion is for the other stages; this recipe's is autoencoder")
    if config.stage != "motion" and (embedder != "auto" or embedder_weights is not None):
        raise InputError(f"embedder is for the stage motion; this recipe's is {config.stage}")
    start = read_start(config.stage, weights)
    if start is None or config.stage == "autoencoder":
        clips, held_out = clips_of(config, data, validation, videos, config.model.autoencoder.side, frames=2)
        return train_autoencoder(config, clips, held_out, out, start, resume=resume)
    model = start.network.config if isinstance(start.network, AnimationPipeline) else config.model
    frames = (model.frames - 1) * config.stride + 1
    clips, held_out = clips_of(config, data, validation, videos, start.autoencoder.config.side, frames)
    if config.stage == "frame":
        return train_frame(config, clips, held_out, out, start, motion=motion, resume=resume)
    if isinstance(embedder, str):
        device = start_accelerator(config.loop).device
        made = make_embedder(embedder, embedder_weights, model.motion.context, device)
    else:
        made = embedder
    return train_motion(config, clips, held_out, out, start, motion=motion, embedder=made, resume=resume)
