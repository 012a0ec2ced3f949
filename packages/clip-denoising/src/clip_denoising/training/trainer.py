"""Training data and one training step; the loop itself is `visioncore.training`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from visioncore.backbones.clip import STAGES
from visioncore.errors import InputError
from visioncore.images.photo_cache import Photos
from visioncore.inference.tiling import run_whole
from visioncore.metrics.image import psnr
from visioncore.training import FitResult, describe_run, fit, hold_out, tell_shared, warmup_cosine
from visioncore.weights.state_dicts import load_into

from ..data.camera import parse_corruption
from ..data.ct_slices import find_doses, find_full_dose, patient_of, read_slice
from ..data.datasets import Pair, find_pairs, find_photos
from ..data.noise import parse_noise
from ..data.patches import Patches
from ..method import METHOD
from ..network.config import CLIPDenoiserConfig
from ..network.losses import training_losses
from ..network.model import MULTIPLE, CLIPDenoiser
from ..network.weights import load_model
from .config import MOST_HELD_OUT, DataConfig, TrainConfig, load_train_recipe
from .mixup import mixup
from .schedule import cyclic_learning_rate


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
    """Train a network by a recipe; an interrupted run is resumed.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        data: clean photos; pairs as `datasets.find_pairs` takes them; or a folder of slices (`ct_data`).
        out: the run's folder; ``out/best`` and ``out/last`` hold the weights for `CLIPDenoiser.from_pretrained`.
        clip: where the encoder is from, see `CLIPDenoiser.from_clip`.
        weights: start from a trained network of the recipe's shape instead, see `load_model`.
        validation: images for validation, laid out as ``data``; of CT, slices at both doses. Default: a share of
            ``data`` is held out.
        overrides: recipe fields by dotted name, such as ``{"loop.steps": "1000"}``.
        resume: go on from the newest run state in ``out``; False removes an earlier run.
        say: told of validation images that are trained on as well.

    Raises:
        InputError: if the recipe, the data or the encoder is not what it should be, ``out`` holds another run or cannot
            be written, or the device has too little memory.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    config = load_train_recipe(recipe, overrides)
    source, held_out = _sources(config, Path(data), None if validation is None else Path(validation))
    if held_out:
        tell_shared(source.clean_files(), held_out.clean_files(), say)
    torch.manual_seed(config.loop.seed)
    model = _initial(config.model, clip, weights)
    side = config.data.validation_patch
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
        run_description=describe_run(METHOD.name, config, {"clip": clip, "weights": weights}, images=len(source)),
        memory_advice="loop.accumulate as large as loop.batch_size with model.encoder_bn frozen, loop.precision "
        "bfloat16, a smaller data.patch",
    )


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
        for name, image in (("psnr", run_whole(network, noisy, MULTIPLE)), ("psnr_noisy", noisy)):
            values[name].append(float(psnr(image, clean, protocol)))
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
        "RN50.pt, or openai to download it; lite0 for that encoder), or weights of a trained network"
    )


def _sources(config: TrainConfig, data: Path, validation: Path | None) -> tuple[Patches, Patches | None]:
    """Return the training samples and the held-out ones, if there are any."""
    wanted = config.data
    source = _patches(wanted, _find_images(wanted, data), wanted.noise)
    checked = wanted.validation_noise or wanted.noise
    if validation is not None:
        if wanted.kind == "slices":
            return source, Patches(find_doses(validation), read=read_slice)
        return source, _patches(wanted, _find_images(wanted, validation), checked)
    if not wanted.held_out:
        return source, None
    ct, clean = wanted.kind == "slices", source.clean_files()
    inside, outside = hold_out(
        [patient_of(path) for path in clean] if ct else clean,
        wanted.held_out,
        most=MOST_HELD_OUT,
        seed=config.loop.seed,
        where=f"{data}: {'patients' if ct else 'clean images'}",
    )
    return source.subset(inside), _patches(wanted, [source.images[i] for i in outside], checked)


def _find_images(config: DataConfig, data: Path) -> Sequence[Pair | Path]:
    if config.kind == "pairs":
        return find_pairs(data)
    return find_full_dose(data, config.patients) if config.kind == "slices" else find_photos(data)


def _patches(config: DataConfig, images: Sequence[Pair | Path], noise: str) -> Patches:
    if config.kind == "slices":
        return Patches(images, parse_noise(noise), patch=config.patch, read=read_slice)
    made = None if config.kind == "pairs" else parse_corruption(noise, config.curves)
    return Patches(images, made, patch=config.patch, read=Photos(config.cache_mb))


def _centres(held_out: Patches, side: int | None) -> Iterator[dict[str, Tensor]]:
    """Yield the centres of the held-out images, with the same noise every time."""
    for index in range(len(held_out)):
        yield held_out.centre(index, side)
