"""The run of each stage on clips that are there; the loop itself is `visioncore.training`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from visioncore.errors import InputError, some
from visioncore.training import FitResult, Loss, SampleSource, describe_run, fit
from visioncore.training.accelerator import start_accelerator
from visioncore.training.processes import share_norms
from visioncore.weights.fingerprint import fingerprint
from visioncore.weights.state_dicts import load_into

from ..data.clips import Clip
from ..data.motion_cache import MotionCache
from ..data.samples import FramePairs, PreparedFrames
from ..inference.embedders import Embedder
from ..inference.region_tokens import RegionTokens
from ..method import METHOD
from ..network.animation import AnimationPipeline
from ..network.autoencoder import FlowAutoencoder
from ..network.config import FrameUNetConfig
from .config import TrainConfig
from .denoising import Denoising, DenoisingStep, KeptMotion, loss_of, spread_of
from .features import MovedFrames, Refining, RefiningStep
from .reconstruction import DeformedPairs, Reconstructing, ReconstructionStep, read_perceptual, validate
from .schedule import schedule
from .start import Start
from .teacher import Teacher, keep_motion, motion_settings, windows_of


def train_autoencoder(
    config: TrainConfig,
    clips: Sequence[Clip],
    held_out: Sequence[Clip],
    out: str | Path,
    start: Start | None = None,
    *,
    resume: bool = True,
) -> FitResult:
    """Train a flow auto-encoder; see `train`.

    Args:
        config: the recipe.
        clips: of at least two frames.
        held_out: clips to validate on.
        out: the run's folder.
        start: an auto-encoder of the recipe's settings, but for the side of frames, that is trained further.
        resume: as for `train`.
    """
    perceptual = read_perceptual(config.perceptual)
    torch.manual_seed(config.loop.seed)
    network = FlowAutoencoder(config.model.autoencoder)
    if start is not None:
        start.check(config.model.autoencoder)
        load_into(network, start.network.state_dict(), where=start.name)
    share_norms(network)
    side = network.config.side
    pairs = FramePairs(clips, side, config.model.frames - 1, config.cache_mb)
    read = PreparedFrames(side, config.cache_mb)
    return _run(
        config,
        Reconstructing(network),
        ReconstructionStep(perceptual),
        DeformedPairs(pairs, config.augmentation),
        out,
        start,
        resume,
        validate=lambda model: validate(model.autoencoder, held_out, read),
        best="psnr_validation",
    )


def train_motion(
    config: TrainConfig,
    clips: Sequence[Clip],
    held_out: Sequence[Clip],
    out: str | Path,
    start: Start,
    *,
    motion: str | Path | None = None,
    embedder: Embedder | None = None,
    resume: bool = True,
) -> FitResult:
    """Train the motion denoiser of a pipeline; see `train`.

    Args:
        config: the recipe.
        clips: of at least as many frames as a motion has.
        held_out: clips to validate on.
        out: the run's folder.
        start: a trained flow auto-encoder, or a pipeline whose denoiser is trained further.
        motion: the folder in which the motion of clips is kept.
        embedder: makes the tokens of clips; default: of their regions, where the recipe names prompts.
        resume: as for `train`.

    Raises:
        InputError: if there is an embedder and there are prompts, or as `train`.
    """
    autoencoder, given = start.autoencoder, start.network
    settings = replace(config.model, autoencoder=autoencoder.config, frame=None)
    config = replace(config, model=given.config if isinstance(given, AnimationPipeline) else settings)
    if prompts := config.model.prompts:
        if embedder is not None:
            raise InputError(
                f"model.prompts are {some(prompts)}, which stand beside tokens of regions; an embedder is for a model "
                "without prompts"
            )
        embedder = RegionTokens(autoencoder, prompts, config.model.motion.context)
    kept, judged = _kept(config, autoencoder, clips, held_out, motion or Path(out) / "motion", embedder)
    torch.manual_seed(config.loop.seed)
    if isinstance(given, AnimationPipeline):
        pipeline = given
    else:
        pipeline = AnimationPipeline(config.model)
        load_into(pipeline.autoencoder, autoencoder.state_dict(), where=start.name)
        if config.model.representation == "normalised":
            pipeline.scales.copy_(spread_of(kept))
    step = DenoisingStep(pipeline.config, pipeline.scales)
    return _run(
        config,
        Denoising(pipeline),
        step,
        kept,
        out,
        start,
        resume,
        validate=lambda model: loss_of(model, step, judged),
        autoencoder=fingerprint(autoencoder),
        embedder=repr(embedder),
    )


def train_frame(
    config: TrainConfig,
    clips: Sequence[Clip],
    held_out: Sequence[Clip],
    out: str | Path,
    start: Start,
    *,
    motion: str | Path | None = None,
    resume: bool = True,
) -> FitResult:
    """Train the frame denoiser of a pipeline; see `train`.

    Args:
        config: the recipe.
        clips: of at least as many frames as a motion has.
        held_out: clips to validate on.
        out: the run's folder.
        start: a pipeline; the frame denoiser that it may have is trained further.
        motion: the folder in which the motion of clips is kept.
        resume: as for `train`.
    """
    given = start.network
    assert isinstance(given, AnimationPipeline)
    frame = given.config.frame or config.model.frame or FrameUNetConfig()
    config = replace(config, model=replace(given.config, frame=frame))
    torch.manual_seed(config.loop.seed)
    pipeline = given
    if given.refiner is None:
        pipeline = AnimationPipeline(config.model)
        load_into(pipeline, {**pipeline.state_dict(), **given.state_dict()}, where=start.name)
    side = pipeline.autoencoder.config.side
    sources = [
        MovedFrames(kept, config.model, PreparedFrames(side, config.cache_mb), config.drop)
        for kept in _kept(config, start.autoencoder, clips, held_out, motion or Path(out) / "motion", None)
    ]
    step = RefiningStep(pipeline.autoencoder)
    return _run(
        config,
        Refining(pipeline),
        step,
        sources[0],
        out,
        start,
        resume,
        validate=lambda model: loss_of(model, step, sources[1]),
        # of one token attention needs no queries
        unused=True,
        autoencoder=fingerprint(start.autoencoder),
    )


def _kept(
    config: TrainConfig,
    autoencoder: FlowAutoencoder,
    clips: Sequence[Clip],
    held_out: Sequence[Clip],
    folder: str | Path,
    embedder: Embedder | None,
) -> tuple[KeptMotion, KeptMotion]:
    """Return the motion of clips and of those held out, found first where it is not kept yet."""
    cache = MotionCache(folder, motion_settings(autoencoder, config, "" if embedder is None else repr(embedder)))
    accelerator = start_accelerator(config.loop)
    parts = [windows_of(part, config) for part in (clips, held_out)]
    keep_motion(
        cache,
        [*parts[0], *parts[1]],
        Teacher(autoencoder, config.model, accelerator.device),
        PreparedFrames(autoencoder.config.side),
        embedder,
        process=accelerator.process_index,
        processes=accelerator.num_processes,
    )
    accelerator.wait_for_everyone()
    kept, judged = (KeptMotion(part, cache, config.model.motion.context, config.drop) for part in parts)
    return kept, judged


def _run(
    config: TrainConfig,
    model: nn.Module,
    step: Loss,
    source: SampleSource,
    out: str | Path,
    start: Start | None,
    resume: bool,
    *,
    validate: Callable[[Any], dict[str, float]],
    best: str | None = None,
    unused: bool = False,
    **more: object,
) -> FitResult:
    return fit(
        model,
        step,
        source,
        config=config.loop,
        out=Path(out),
        learning_rate=schedule(config),
        validate=validate,
        best=best,
        unused=unused,
        resume=resume,
        run_description=describe_run(
            METHOD.name, config, {"weights": None if start is None else start.name}, samples=len(source), **more
        ),
        memory_advice="a smaller loop.batch_size or a larger loop.accumulate, loop.precision bfloat16",
    )
