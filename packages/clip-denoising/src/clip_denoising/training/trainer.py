"""The training configuration, and what one step does; the loop itself is `visioncore.training`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from visioncore.backbones.clip import STAGES
from visioncore.devices import is_out_of_memory
from visioncore.errors import InputError, some
from visioncore.images.photo_cache import Photos
from visioncore.inference.tiling import run_whole
from visioncore.metrics.image import psnr
from visioncore.recipes import load_recipe
from visioncore.training import FitResult, LoopConfig, fit, hold_out, warmup_cosine
from visioncore.weights.state_dicts import load_into

from ..data.camera import CAMERAS, parse_corruption
from ..data.ct_slices import find_doses, find_full_dose, patient_of, read_slice
from ..data.datasets import Pair, find_pairs, find_photos
from ..data.noise import parse_noise
from ..data.patches import Patches
from ..method import METHOD, PACKAGE
from ..network.config import CLIPDenoiserConfig
from ..network.losses import training_losses
from ..network.model import MULTIPLE, CLIPDenoiser
from ..network.weights import load_model
from .mixup import mixup
from .schedule import cyclic_learning_rate

MOST_HELD_OUT = 68
"""As many pictures as CBSD68 has; more would make every validation long."""


@dataclass(frozen=True)
class DataConfig:
    """What is trained on.

    Attributes:
        kind: clean ``photos`` to which noise is added; ``pairs`` of noisy and clean photos; or ``slices`` of CT at full
            dose, to which noise is added.
        noise: added to photos and slices: a kind and its level (`noise.parse_noise`); for photos also ``camera``, the
            published simulated cameras, or ``camera-blind``, such of varying noise (`camera.parse_corruption`).
        curves: folder of CBDNet's response curves of cameras; None takes `response.smooth_curves`.
        patients: whose slices; None for all.
        patch: side of the square patches in pixels, a multiple of 32.
        mixup: blend half of the batches with themselves in another order.
        held_out: share of the pictures kept for validation where no validation folder is given, but no more than
            `MOST_HELD_OUT`; 0 for no validation. Versions of a picture, and slices of a patient, stay on one side.
        validation_noise: added to clean pictures in validation; None takes ``noise``.
        validation_patch: side of the centre crop that validation looks at; None for whole pictures.
        cache_mb: memory for decoded photos in each loading process.
    """

    kind: Literal["photos", "pairs", "slices"] = "photos"
    noise: str = "gaussian:15"
    curves: Path | None = None
    patients: tuple[str, ...] | None = None
    patch: int = 128
    mixup: bool = True
    held_out: float = 0.05
    validation_noise: str | None = None
    validation_patch: int | None = 256
    cache_mb: int = 1024

    def __post_init__(self) -> None:
        if self.patch < MULTIPLE or self.patch % MULTIPLE:
            raise InputError(f"data.patch is {self.patch}; it must be a positive multiple of {MULTIPLE}")
        if self.validation_patch is not None and self.validation_patch < 1:
            raise InputError(f"data.validation_patch is {self.validation_patch}; it must be at least 1, or none")
        if not 0 <= self.held_out < 1:
            raise InputError(f"data.held_out is {self.held_out}; it must be at least 0 and below 1")
        if self.cache_mb < 0:
            raise InputError(f"data.cache_mb is {self.cache_mb}; it must be at least 0")
        for noise in (self.noise, self.validation_noise or self.noise):
            if self.kind == "slices" or noise not in CAMERAS:
                parse_noise(noise)


@dataclass(frozen=True)
class TrainConfig:
    """A recipe.

    Attributes:
        loop: steps, batch, optimizer, precision, checkpoints.
        model: the network.
        data: the samples.
        schedule: ``cyclic`` as for the published RGB networks, see `schedule.cyclic_learning_rate`, without a warm-up;
            or half a ``cosine`` after a warm-up, which is as for the published CT network if that takes no steps.
    """

    loop: LoopConfig
    model: CLIPDenoiserConfig = field(default_factory=CLIPDenoiserConfig)
    data: DataConfig = field(default_factory=DataConfig)
    schedule: Literal["cyclic", "cosine"] = "cyclic"

    def __post_init__(self) -> None:
        if (self.data.kind == "slices") != (self.model.channels == 1):
            right = "slices, of one channel, or photos and pairs, of three"
            raise InputError(
                f"data.kind is {self.data.kind} and model.channels {self.model.channels}; it must be {right}"
            )
        if self.schedule == "cyclic" and self.loop.warmup_steps:
            raise InputError(f"loop.warmup_steps is {self.loop.warmup_steps}; the cyclic schedule has no warm-up")


def load_train_recipe(recipe: str | Path, overrides: Mapping[str, str] | None = None) -> TrainConfig:
    """Return the configuration of a recipe; arguments and errors as of `train`."""
    config = load_recipe(TrainConfig, PACKAGE, recipe, overrides)
    given = set(overrides or ())
    if "model.noise" not in given and given & {"data.kind", "data.noise", "data.curves"}:
        # what the recipe says of its noise is no longer true
        config = replace(config, model=replace(config.model, noise=_in_words(config.data)))
    return config


def train(
    recipe: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    clip: str | Path | None = None,
    weights: str | Path | None = None,
    validation: str | Path | None = None,
    overrides: Mapping[str, str] | None = None,
    resume: bool = True,
    say: Callable[[str], None] = warnings.warn,
) -> FitResult:
    """Train a network by a recipe; an interrupted run goes on where it was.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        data: clean photos; pairs as `datasets.find_pairs` takes them; or a folder of slices (`ct_data`).
        out: the run's folder; ``out/best`` and ``out/last`` hold the weights for `CLIPDenoiser.from_pretrained`.
        clip: where the encoder is from, see `CLIPDenoiser.from_clip`.
        weights: go on from a trained network of the same shape instead, see `load_model`.
        validation: pictures for validation, laid out as ``data``; of CT, slices at both doses. Default: a share of
            ``data`` is held out.
        overrides: recipe fields by dotted name, such as ``{"loop.steps": "1000"}``.
        resume: go on from the newest checkpoint in ``out``; False removes an earlier run.
        say: told of validation pictures that are trained on as well.

    Raises:
        InputError: if the recipe, the data or the encoder is not what it should be, ``out`` holds another run or cannot
            be written, or the device has too little memory.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    config = load_train_recipe(recipe, overrides)
    source, held_out = _sources(config, Path(data), None if validation is None else Path(validation))
    if held_out and (shared := _resolved(source) & _resolved(held_out)):
        names = some(sorted(path.name for path in shared))
        say(f"{len(shared)} of the validation pictures are trained on as well, so their figures mean little: {names}")
    torch.manual_seed(config.loop.seed)
    model = _initial(config.model, clip, weights)
    side = config.data.validation_patch
    try:
        return fit(
            model,
            lambda network, batch: step_losses(network, batch, config.loop.seed, mixed=config.data.mixup),
            source,
            config=config.loop,
            out=Path(out),
            learning_rate=schedule_of(config),
            validate=(lambda network: validate(network, _centres(held_out, side))) if held_out else None,
            best="psnr" if held_out else None,
            resume=resume,
            run_description=_description(config, source, clip, weights),
        )
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(
            "out of memory; what helps, in this order: loop.accumulate as large as loop.batch_size with "
            "model.encoder_bn frozen, loop.precision bfloat16, a smaller data.patch"
        ) from error


def schedule_of(config: TrainConfig) -> Callable[[int], float]:
    """Return the learning rate of a step, counted from 0."""
    loop = config.loop
    if config.schedule == "cosine":
        return warmup_cosine(loop)
    return lambda step: cyclic_learning_rate(step, loop.steps, loop.learning_rate, loop.min_learning_rate)


def step_losses(network: nn.Module, batch: Mapping[str, Tensor], seed: int, *, mixed: bool) -> dict[str, Tensor]:
    """Return the losses of a batch.

    Args:
        network: in training mode.
        batch: ``noisy`` and ``clean`` (B, C, H, W), and ``step``, which with the seed decides how they are mixed.
        seed: of the run.
        mixed: whether they are at all.
    """
    noisy, clean = batch["noisy"], batch["clean"]
    if mixed:
        # four numbers, so that it is none of the data's generators
        noisy, clean = mixup(noisy, clean, np.random.default_rng([seed, int(batch["step"]), 0, 1]))
    return training_losses(network(noisy), clean)


def validate(network: nn.Module, samples: Iterable[Mapping[str, Tensor]]) -> dict[str, float]:
    """Return the mean PSNR, in dB, of denoised samples and of the noisy ones, both clamped to [0, 1].

    Args:
        network: in evaluation mode.
        samples: ``noisy`` and ``clean`` (C, H, W); a sample of one channel is CT, compared over -1024 to 3072 HU.
    """
    device = next(network.parameters()).device
    values: dict[str, list[float]] = {"psnr": [], "psnr_noisy": []}
    for sample in samples:
        noisy, clean = (sample[name][None].to(device) for name in ("noisy", "clean"))
        protocol = "ct" if len(clean[0]) == 1 else "colour"
        for name, picture in (("psnr", run_whole(network, noisy, MULTIPLE)), ("psnr_noisy", noisy)):
            values[name].append(float(psnr(picture, clean, protocol)))
    return {name: float(np.mean(each)) for name, each in values.items()}


def _initial(config: CLIPDenoiserConfig, clip: str | Path | None, weights: str | Path | None) -> CLIPDenoiser:
    """Return the network that training starts from."""
    if weights is not None:
        if clip is not None:
            raise InputError("clip and weights are both given; a trained network brings its own encoder")
        model, trained = CLIPDenoiser(config), load_model(weights)
        state = trained.state_dict()
        if trained.config.keep_layer4 and not config.keep_layer4:
            state = {name: value for name, value in state.items() if not name.startswith(f"encoder.layer{STAGES}.")}
        load_into(model, state, where=str(weights))
        return model
    if clip is not None:
        return CLIPDenoiser.from_clip(config, clip)
    if config.train_encoder:
        return CLIPDenoiser(config)
    raise InputError(
        "this recipe leaves the encoder's weights as they are, so they must come from somewhere: clip (OpenAI's "
        "RN50.pt, or openai to download it), or weights of a trained network"
    )


def _sources(config: TrainConfig, data: Path, validation: Path | None) -> tuple[Patches, Patches | None]:
    """Return what is trained on and what is held out, if anything is."""
    wanted = config.data
    source = _patches(wanted, _pictures(wanted, data), wanted.noise)
    checked = wanted.validation_noise or wanted.noise
    if validation is not None:
        if wanted.kind == "slices":
            return source, Patches(find_doses(validation), read=read_slice)
        return source, _patches(wanted, _pictures(wanted, validation), checked)
    if not wanted.held_out:
        return source, None
    ct, clean = wanted.kind == "slices", source.clean_files()
    inside, outside = hold_out(
        [patient_of(path) for path in clean] if ct else clean,
        wanted.held_out,
        most=MOST_HELD_OUT,
        seed=config.loop.seed,
        where=f"{data}: {'patients' if ct else 'clean pictures'}",
    )
    return source.subset(inside), _patches(wanted, [source.pictures[i] for i in outside], checked)


def _pictures(config: DataConfig, data: Path) -> Sequence[Pair | Path]:
    if config.kind == "pairs":
        return find_pairs(data)
    return find_full_dose(data, config.patients) if config.kind == "slices" else find_photos(data)


def _patches(config: DataConfig, pictures: Sequence[Pair | Path], noise: str) -> Patches:
    if config.kind == "slices":
        return Patches(pictures, parse_noise(noise), patch=config.patch, read=read_slice)
    made = None if config.kind == "pairs" else parse_corruption(noise, config.curves)
    return Patches(pictures, made, patch=config.patch, read=Photos(config.cache_mb))


def _centres(held_out: Patches, side: int | None) -> Iterator[dict[str, Tensor]]:
    """Yield the centres of the pictures that are held out, with the same noise every time."""
    for index in range(len(held_out)):
        yield held_out.centre(index, side)


def _in_words(data: DataConfig) -> str:
    if data.kind == "pairs":
        return "stored pairs of noisy and clean photos"
    return f"{data.noise} noise on {'CT slices' if data.kind == 'slices' else 'photos'}"


def _resolved(patches: Patches) -> set[Path]:
    return {path.resolve() for path in patches.clean_files()}


def _description(
    config: TrainConfig, source: Patches, clip: str | Path | None, weights: str | Path | None
) -> dict[str, object]:
    """Return what makes a run this run, beside the loop: all that changes what is computed."""
    recipe = asdict(replace(config, data=replace(config.data, cache_mb=0)))
    del recipe["loop"]
    start = {name: Path(given).name for name, given in (("clip", clip), ("weights", weights)) if given is not None}
    return {"method": METHOD.name, "recipe": recipe, "pictures": len(source), **start}
