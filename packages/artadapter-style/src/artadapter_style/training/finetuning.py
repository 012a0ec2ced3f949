"""Fine-tuning of one style: offsets of its tokens, in a hundred steps, from a few references, into a style file."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visioncore.configs import check_most
from visioncore.devices import resolve_device
from visioncore.diffusion.schedule import prediction_of
from visioncore.errors import InputError, one_line
from visioncore.files import expand_inputs, writable_folder
from visioncore.images import IMAGE_SUFFIXES, eight_bit, on_white
from visioncore.inference.batch import progress
from visioncore.inference.image_inputs import GivenImage, as_image
from visioncore.training import TrainingDiverged
from visioncore.training.model_modes import training_only
from visioncore.training.sampling import stack

from ..data.preparation import Squares
from ..data.reading import read_reference
from ..data.samples import Drawing, StyleSamples
from ..data.style_references import OwnReferences
from ..data.texts import Texts
from ..inference.bases import open_base
from ..method import STYLE_SUFFIX
from ..network.config import LEVELS, Level
from ..network.losses import offset_loss
from ..network.model import ArtAdapter
from ..network.prompts import fit_ids
from ..network.style import Style
from .denoising import Denoising, DenoisingStep
from .encoding import Encoder
from .start import check_trainable, load_whole


@dataclass(frozen=True)
class Tuning:
    """Settings of a fine-tuning.

    Attributes:
        steps: of the optimizer.
        batch: random crops in a step.
        rate: learning rate of the offsets.
        layer_rate: learning rate of the last layer of the style encoder, where it is trained too.
        last_layer: train that as well; the style file does not grow by it.
        pull: weight of what holds the offsets near zero: their squared length over that of the tokens.
        flip: probability that a crop is mirrored.
        drop: share of the crops of which the content adapter says nothing.
        side: of the crops in pixels; 0 for what the base was made for.
        seed: of all that is drawn.

    Raises:
        InputError: if a value is out of its range.
    """

    steps: int = 100
    batch: int = 4
    rate: float = 1e-3
    layer_rate: float = 1e-5
    last_layer: bool = False
    pull: float = 1e-2
    flip: float = 0.5
    drop: float = 0.1
    side: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"steps": 1, "batch": 1, "rate": 0, "layer_rate": 0, "pull": 0, "side": 0, "seed": 0}
        for name, bound in least.items():
            if not bound <= getattr(self, name) < math.inf:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least {bound}")
        for name in ("flip", "drop"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be from 0 to 1")
        check_most(self, steps=1_000_000, batch=2**16, side=8192)


class TunedStyle(nn.Module):
    """The tokens of a style, as the style encoder has them of references, and offsets that are trained.

    Args:
        adapter: has the style encoder.
        statistics: of each reference.
    """

    def __init__(self, adapter: ArtAdapter, statistics: Sequence[Mapping[Level, Tensor]]) -> None:
        super().__init__()
        # a copy, whose last layer may be trained
        self.encoder = copy.deepcopy(adapter.style_encoder)
        self._statistics = tuple(dict(each) for each in statistics)
        self.start = {level: tokens.detach().clone() for level, tokens in self.encoded().items()}
        self.offsets = nn.ParameterDict({level: torch.zeros_like(tokens) for level, tokens in self.start.items()})

    def encoded(self) -> dict[Level, Tensor]:
        """Return the tokens (n, width) of each level without offsets: the mean over the references."""
        found = [self.encoder(each) for each in self._statistics]
        return {level: torch.stack([each[level][0] for each in found]).mean(dim=0) for level in LEVELS}

    def last_layers(self) -> list[nn.Parameter]:
        """Return the parameters of the last layer of each level's encoder."""
        layers = [self.encoder.get_submodule(level).get_submodule("outwards") for level in LEVELS]
        return [each for layer in layers for each in layer.parameters()]

    def forward(self) -> dict[Level, Tensor]:
        """Return the tokens (n, width) of each level."""
        return {level: tokens + self.offsets[level] for level, tokens in self.encoded().items()}


class TunedDenoising(Denoising):
    """The U-Net with one style for all samples.

    Args:
        adapter: of the style.
        base: the pipeline, on the device.
        style: that is trained.
    """

    def __init__(self, adapter: ArtAdapter, base: Any, style: TunedStyle) -> None:
        super().__init__(adapter, base)
        self.style = style

    def tokens(self, statistics: Mapping[str, Tensor]) -> Tensor:
        """Return the style's tokens (n, width)."""
        return torch.cat(tuple(self.style().values()))


@dataclass(frozen=True)
class _Loaded:
    image: NDArray[np.uint8]

    def pixels(self) -> NDArray[np.uint8]:
        return self.image


def finetune(
    references: Sequence[GivenImage],
    base: str | Path | Any,
    weights: str | Path | ArtAdapter,
    *,
    caption: str = "",
    name: str = "",
    tuning: Tuning | None = None,
    device: str = "auto",
    say: Callable[[str], None] = lambda _: None,
) -> Style:
    """Return a style that is sharper than what the adapter reads of the references at once.

    The content adapter tells the U-Net what the references show, so that the style need not; weights without one, as
    they are for inference, are tuned without it.

    Args:
        references: one or a few images in the style.
        base: the base model, whatever `open_base` takes, or a pipeline of diffusers.
        weights: of the adapter, whatever `load_model` takes, or an adapter; best the folder that a run has left.
        caption: what the references show, without words on the style.
        name: of the style, for people.
        tuning: settings.
        device: where it runs.
        say: told in one line what weights lack, and how far the loss has come.

    Raises:
        InputError: if a reference, the base or the weights cannot be read or do not fit.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    tuning = tuning or Tuning()
    if not references:
        raise InputError("no references; give one or a few images in the style")
    images = [_Loaded(eight_bit(on_white(as_image(each)).pixels)) for each in references]
    adapter = weights if isinstance(weights, ArtAdapter) else load_whole(weights)
    pipeline = open_base(base) if isinstance(base, str | Path) else base
    check_trainable(pipeline)
    if adapter.aca is None:
        say("these weights have no content adapter, as a run leaves it in its folder: content may get into the style")
    where = resolve_device(device)
    adapter, pipeline = adapter.to(where), pipeline.to(where)
    with torch.no_grad():
        statistics = [adapter.style_statistics(read_reference(each).to(where)) for each in references]
    style = TunedStyle(adapter, statistics)
    model = TunedDenoising(adapter, pipeline, style)
    try:
        _train(model, _samples(images, caption, pipeline, adapter, tuning, say), tuning, say)
    finally:
        model.take_off()
    return Style({level: tokens.detach().cpu() for level, tokens in style().items()}, adapter.fingerprint(), name)


def finetune_files(
    inputs: Sequence[str | Path],
    base: str | Path,
    weights: str | Path,
    out: Path,
    *,
    caption: str = "",
    tuning: Tuning | None = None,
    device: str = "auto",
    say: Callable[[str], None] = lambda _: None,
) -> Style:
    """Write a fine-tuned style to a file, named after it; arguments as of `finetune`.

    Args:
        inputs: references: files, folders, glob patterns.
        base: the base model.
        weights: of the adapter.
        out: the file; it appears whole or not at all.
        caption: what the references show.
        tuning: settings.
        device: where it runs.
        say: told what weights lack, and how far the loss has come.

    Raises:
        InputError: as `finetune`, or if the file has another suffix or cannot be written.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    if out.suffix != STYLE_SUFFIX:
        raise InputError(f"{out}: a style file is a {STYLE_SUFFIX} file")
    references = expand_inputs(inputs, IMAGE_SUFFIXES)
    writable_folder(out.parent)
    style = finetune(references, base, weights, caption=caption, name=out.stem, tuning=tuning, device=device, say=say)
    style.save(out)
    return style


def _train(model: TunedDenoising, samples: StyleSamples, tuning: Tuning, say: Callable[[str], None]) -> None:
    style, adapter = model.style, model.adapter
    offsets, layers = list(style.offsets.parameters()), style.last_layers() if tuning.last_layer else []
    groups = [{"params": offsets, "lr": tuning.rate}, {"params": layers, "lr": tuning.layer_rate}]
    optimizer = torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=0.0)
    device = style.offsets["low"].device
    encoder = Encoder(model.base.vae, adapter, device)
    step = DenoisingStep(encoder, prediction=prediction_of(model.base.scheduler), statistics=False)
    losses = list[float]()
    with training_only(model, [*offsets, *layers]), progress(tuning.steps, "steps") as advance:
        for number in range(tuning.steps):
            rngs = [np.random.default_rng([tuning.seed, number, place]) for place in range(tuning.batch)]
            drawn = stack([samples.sample(int(rng.integers(len(samples))), rng) for rng in rngs])
            noise = step(model, {key: value.to(device) for key, value in drawn.items()})["noise"]
            loss = noise + tuning.pull * offset_loss({level: style.offsets[level] for level in LEVELS}, style.start)
            losses.append(float(loss.detach()))
            if not math.isfinite(losses[-1]):
                raise TrainingDiverged(f"step {number + 1}: the loss is NaN or infinite; a lower rate may help")
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            advance()
    tenth = max(1, tuning.steps // 10)
    say(f"{tuning.steps} steps: loss {np.mean(losses[:tenth]):.4g} at first, {np.mean(losses[-tenth:]):.4g} at last")


def _samples(
    images: Sequence[_Loaded],
    caption: str,
    pipeline: Any,
    adapter: ArtAdapter,
    tuning: Tuning,
    say: Callable[[str], None],
) -> StyleSamples:
    factor = pipeline.vae_scale_factor
    side = tuning.side or pipeline.unet.config.sample_size * factor
    if side % factor:
        raise InputError(f"side is {side}; it must be a multiple of {factor}")
    fitted = [fit_ids(pipeline.tokenizer, caption, count) for count in (0, adapter.config.style_tokens)]
    if cut := fitted[-1].cut:
        say(f"the caption is too long, what is cut off beside the style: {one_line(cut)}")
    plain, styled = (each.ids.expand(len(images) + 1, -1) for each in fitted)
    how = Drawing(
        (pipeline.unet.config.in_channels, side // factor, side // factor),
        tuning.flip,
        content=None if adapter.aca is None else tuning.drop,
    )
    return StyleSamples(Squares(images, side), Texts(plain, styled), OwnReferences(), how, range(len(images)))
