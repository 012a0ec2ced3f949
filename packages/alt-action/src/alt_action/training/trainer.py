"""Training data, one training step, validation and the run; the loop itself is `visioncore.training`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn

from visioncore.errors import InputError, some
from visioncore.recipes import load_recipe
from visioncore.training import FitResult, Share, describe_run, fit

from ..data.clips import to_frames
from ..data.labels import read_labels
from ..data.mixing import MixedSamples
from ..data.samples import ClipSamples
from ..data.subsets import few_shot, hold_out
from ..data.synthetic import write_synthetic
from ..data.video_lists import VideoList, read_videos
from ..method import METHOD, PACKAGE
from ..network.losses import training_losses
from ..network.model import ALT, LARGEST_SCALE
from .config import TrainConfig
from .start import initial_network

SYNTHETIC = 30
"""Videos of each action that are drawn where no data is given, each of 16 frames."""
MOST_HELD_OUT = 500
"""Videos; more would make every validation long."""
_BELOW = 1e-5
TOWER = "visual."
"""How names of the image tower's parameters begin."""


def train(
    recipe: str | Path,
    data: str | Path | None,
    out: str | Path,
    *,
    labels: str | Path | None = None,
    videos: str | Path | None = None,
    clip: str | Path | None = None,
    corpus: str | Path | None = None,
    weights: str | Path | None = None,
    validation: str | Path | None = None,
    overrides: Mapping[str, str] | None = None,
    resume: bool = True,
    say: Callable[[str], None] = print,
) -> FitResult:
    """Train a network by a recipe; an interrupted run is resumed.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        data: labelled videos, whatever `read_videos` takes; None for a few drawn ones.
        out: the run's folder; ``out/best`` and ``out/last`` hold the weights.
        labels: a file of labels, see `read_labels`; default: those that the data names itself.
        videos: folder that names in lists start from; default: that of the list.
        clip: start from CLIP's weights, with a new adapter.
        corpus: a file of entities; default: those of the weights, or built of the labels.
        weights: start from a trained network, whatever `load_model` takes.
        validation: labelled videos of the same classes for validation; default: a share of ``data`` is held out.
        overrides: recipe fields by dotted name, such as ``{"freeze_backbone": "true"}``.
        resume: go on from the newest run state in ``out``; False removes an earlier run.
        say: told what is trained on.

    Raises:
        InputError: if the recipe, the data or the weights are not what they should be, or ``out`` holds another run or
            cannot be written.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    if data is None:
        if labels is not None or videos is not None:
            raise InputError("labels and videos belong to data, which is missing")
        with TemporaryDirectory() as folder:
            drawn = write_synthetic(Path(folder), SYNTHETIC, frames=16)
            more = {"clip": clip, "corpus": corpus, "weights": weights, "validation": validation}
            return train(recipe, drawn, out, overrides=overrides, resume=resume, say=say, **more)
    config = load_recipe(TrainConfig, PACKAGE, recipe, overrides)
    found, inside, outside = _parts(config, data, labels, videos, validation)
    torch.manual_seed(config.loop.seed)
    model = initial_network(
        config.model, inside.labels, clip=clip, corpus=corpus, weights=weights, start=config.start, say=say
    )
    frames, size = model.config.frames, model.config.tower.image_size
    source = MixedSamples(
        ClipSamples(inside.videos, frames, size, config.augmentation), len(inside.labels), config.mixing
    )
    held_out = ClipSamples(outside.videos, frames, size, None)
    loop = config.loop_for(len(source))
    say(f"{data}: {found.found}")
    say(f"{len(source)} videos to train on, {loop.steps} steps; {len(held_out)} to validate on")
    if without := set(range(len(inside.labels))) - {video.label for video in inside.videos}:
        say(f"no video to train on of {some(tuple(inside.labels.names[place] for place in sorted(without)))}")
    trained = [
        each for name, each in model.named_parameters() if not (config.freeze_backbone and name.startswith(TOWER))
    ]
    return fit(
        model,
        lambda network, batch: step_losses(network, batch, model, config.smoothing),
        source,
        config=loop,
        out=Path(out),
        validate=lambda network: validate(network, held_out, config.loop.batch_size),
        best="top1",
        parameters=trained,
        shares=lambda name, parameter: share_of(name, parameter, config.tower_rate),
        resume=resume,
        run_description=describe_run(
            METHOD.name,
            config,
            {"weights": weights, "clip": clip, "corpus": corpus, "validation": validation},
            videos=len(source),
            labels=inside.labels.texts,
        ),
        memory_advice="loop.accumulate, freeze_backbone, loop.precision bfloat16, a smaller loop.batch_size",
    )


def share_of(name: str, parameter: nn.Parameter, tower_rate: float) -> Share:
    """Return the shares of a parameter: a lower rate in the image tower, no decay of norms, biases and factors."""
    return Share(tower_rate if name.startswith(TOWER) else 1.0, 0.0 if parameter.ndim < 2 else 1.0)


def step_losses(network: nn.Module, batch: Mapping[str, Tensor], model: ALT, smoothing: float) -> dict[str, Tensor]:
    """Return the loss of a batch of `MixedSamples`.

    Args:
        network: the model, perhaps wrapped.
        batch: its samples.
        model: has the labels.
        smoothing: share of a target that is spread over all classes.
    """
    limit_scale(model)
    video = network(to_frames(batch["frames"], model.config.normalisation))
    return training_losses(model.scores(video), batch["target"], smoothing)


@torch.no_grad()
def limit_scale(model: ALT) -> None:
    """Keep the factor of cosines below its limit: at the limit, where CLIP's is, it would have no gradient."""
    model.logit_scale.clamp_(max=math.log(LARGEST_SCALE) - _BELOW)


def validate(network: nn.Module, samples: ClipSamples, batch: int) -> dict[str, float]:
    """Return the shares of clips, one view of each, whose label is the likeliest, and among the five likeliest.

    Args:
        network: in evaluation mode.
        samples: the clips.
        batch: of them at a time.
    """
    assert isinstance(network, ALT)
    device, rng, ranks = network.logit_scale.device, np.random.default_rng(0), list[Tensor]()
    for start in range(0, len(samples), batch):
        clips = [samples.sample(index, rng) for index in range(start, min(start + batch, len(samples)))]
        frames = torch.stack([clip["frames"] for clip in clips]).to(device)
        scores = network.scores(network(to_frames(frames, network.config.normalisation)))
        right = scores.gather(1, torch.stack([clip["label"] for clip in clips]).to(device)[:, None])
        ranks.append((scores > right).sum(dim=1))
    rank = torch.cat(ranks)
    return {f"top{k}": float((rank < k).float().mean()) for k in (1, 5)}


def _parts(
    config: TrainConfig,
    data: str | Path,
    labels: str | Path | None,
    videos: str | Path | None,
    validation: str | Path | None,
) -> tuple[VideoList, VideoList, VideoList]:
    """Return all videos of the data, those to train on, and those to validate on."""
    found = read_videos(data, None if labels is None else read_labels(labels), videos=videos, part="train")
    if validation is not None:
        outside = read_videos(validation, found.labels, videos=videos)
        return found, (few_shot(found, config.shots, config.loop.seed) if config.shots else found), outside
    inside, outside = hold_out(found, config.held_out, MOST_HELD_OUT, config.loop.seed)
    return found, (few_shot(inside, config.shots, config.loop.seed) if config.shots else inside), outside
