"""The run of each stage on frames that are there; the loop itself is `visioncore.training`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from visioncore.errors import InputError
from visioncore.training import FitResult, Loss, SampleSource, describe_run, fit
from visioncore.training.processes import share_norms
from visioncore.weights.state_dicts import load_into

from ..data.batch import collate
from ..data.classes import NUSCENES, ClassMap
from ..data.frames import Frames
from ..method import METHOD
from ..network.config import Config, Cylinder3DConfig, MinkUNetConfig, VoxelNetConfig
from ..network.image_branch import ImageBranch
from ..network.image_weights import load_encoder
from ..network.model import CSC
from ..network.panoptic import PanopticNet
from ..network.panoptic_config import PanopticConfig
from ..network.weights import load_matching, load_model
from .config import TrainConfig
from .finetuning import FinetuningStep, Segmentation
from .optimizer import head_shares, optimizer_of
from .panoptic import Panoptic, PanopticSamples, PanopticStep
from .pretraining import Pretraining
from .pretraining_step import PretrainingStep
from .samples import LabelledSamples, PretrainSamples
from .schedule import published_schedule
from .validation import validate


def pretrain(
    config: TrainConfig,
    frames: Frames,
    out: str | Path,
    starts: Mapping[str, Any] | None = None,
    *,
    resume: bool = True,
) -> FitResult:
    """Pre-train a network on frames; see `train`.

    Args:
        config: the recipe.
        frames: with cameras and segments.
        out: the run's folder.
        starts: ``weights`` of the network and ``images`` of the encoder, where there are any.
        resume: as for `train`.
    """
    given = starts or {}
    source = PretrainSamples(frames, config.model, config.augmentation, semantic=config.prototypes is not None)
    torch.manual_seed(config.loop.seed)
    network = CSC(config.model)
    if (weights := given.get("weights")) is not None:
        load_into(network, load_model(weights).state_dict(), where=str(weights))
    encoder = given.get("images")
    branch = ImageBranch(config.image) if encoder is None else load_encoder(encoder, config.image.channels)
    if branch.config != config.image:
        raise InputError(f"{encoder}: is an encoder of {branch.config}; the recipe's image is {config.image}")
    share_norms(network)
    model = Pretraining(network, branch, config)
    step = PretrainingStep(config, len(frames), source.plain)
    return _run(config, model, step, source, out, given, resume, parameters=model.trained(), unused=True)


def finetune(
    config: TrainConfig,
    frames: Frames,
    held_out: Frames,
    out: str | Path,
    starts: Mapping[str, Any] | None = None,
    *,
    classes: ClassMap = NUSCENES,
    resume: bool = True,
) -> FitResult:
    """Fine-tune a network on labelled frames, or probe it; see `train`.

    Args:
        config: the recipe.
        frames: with labels.
        held_out: frames to validate on.
        out: the run's folder.
        starts: ``weights`` to start from, where there are any.
        classes: of the labels.
        resume: as for `train`.
    """
    given = starts or {}
    settings = _for_classes(config, classes)
    torch.manual_seed(config.loop.seed)
    network = CSC(settings)
    if (weights := given.get("weights")) is not None:
        _start_from(network, load_model(weights), str(weights))
    share_norms(network)
    return _run(
        config,
        model := Segmentation(network),
        FinetuningStep(config),
        LabelledSamples(frames, settings, config.augmentation),
        out,
        given,
        resume,
        parameters=model.last_layer() if config.stage == "probe" else None,
        shares=head_shares(config),
        validate=lambda net: validate(net, held_out, settings, len(classes)),
        best="miou_validation",
    )


def finetune_panoptic(
    config: TrainConfig,
    frames: Frames,
    held_out: Frames,
    out: str | Path,
    starts: Mapping[str, Any] | None = None,
    *,
    classes: ClassMap = NUSCENES,
    resume: bool = True,
) -> FitResult:
    """Fine-tune a Cylinder3D to classes and instances, under a network over its bird's-eye map; as `finetune`."""
    given = starts or {}
    backbone = config.model
    assert isinstance(backbone, Cylinder3DConfig)
    settings = PanopticConfig(backbone, len(classes), len(classes.things))
    torch.manual_seed(config.loop.seed)
    network = PanopticNet(settings)
    if (weights := given.get("weights")) is not None:
        _start_from(network.backbone_3d, load_model(weights), str(weights))
    share_norms(network.backbone_3d)
    return _run(
        config,
        Panoptic(network),
        PanopticStep(config, settings.ignore),
        PanopticSamples(frames, settings, config.augmentation),
        out,
        given,
        resume,
        validate=lambda net: validate(net, held_out, backbone, len(classes)),
        best="miou_validation",
    )


def _run(
    config: TrainConfig,
    model: nn.Module,
    step: Loss,
    source: SampleSource,
    out: str | Path,
    starts: Mapping[str, Any],
    resume: bool,
    **more: Any,
) -> FitResult:
    return fit(
        model,
        step,
        source,
        config=config.loop,
        out=Path(out),
        learning_rate=published_schedule(config),
        optimizer=optimizer_of(config),
        collate=collate,
        resume=resume,
        run_description=describe_run(METHOD.name, config, starts, frames=len(source)),
        memory_advice="a smaller loop.batch_size, loop.precision bfloat16",
        **more,
    )


def _for_classes(config: TrainConfig, classes: ClassMap) -> Config:
    """Return the settings of the recipe's network with an output for each class.

    Raises:
        InputError: if its outputs are not of its voxels.
    """
    model = config.model
    if isinstance(model, VoxelNetConfig) and (model.upsample != 16 or model.compressed):
        raise InputError("fine-tuning needs outputs of all voxels; set model.upsample 16 and model.compressed false")
    settings = replace(model, out_channels=len(classes), classes=classes.names)
    return replace(settings, normalised=False) if isinstance(settings, MinkUNetConfig) else settings


def _start_from(network: CSC, start: CSC, where: str) -> None:
    """Take every tensor of equal name and shape from pre-trained weights.

    Raises:
        InputError: if these know other voxels, or not one tensor fits.
    """
    for name in ("voxel_size", "cylindrical", "lowest", "highest", "grid"):
        ours, theirs = getattr(network.config, name, None), getattr(start.config, name, None)
        if ours != theirs:
            raise InputError(f"{where}: was trained with {name} {theirs}; the recipe's model has {ours}, set it alike")
    load_matching(network, start.state_dict(), where)
