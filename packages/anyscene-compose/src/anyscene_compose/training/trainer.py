"""Training by recipe: data, what is kept of it, the run; the loop itself is `visioncore.training`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

from visioncore.data.feature_cache import FeatureCache
from visioncore.data.kept_features import KeptFeatures, Which, keep_features
from visioncore.data.looks import Looks
from visioncore.data.splits import Split, split
from visioncore.diffusion.latents import factor_of
from visioncore.diffusion.schedule import bars_of, prediction_of
from visioncore.errors import InputError
from visioncore.recipes import load_recipe
from visioncore.training import FitResult, describe_run, fit, mean_losses
from visioncore.training.accelerator import on_main, start_accelerator
from visioncore.weights.fingerprint import fingerprint

from ..data.datasets import open_items
from ..data.items import Item
from ..data.kept_looks import KeptLooks
from ..data.preparation import Squares
from ..data.samples import Drawing, SceneSamples, SeenLooks
from ..data.synthetic import make_scenes
from ..data.texts import Texts
from ..inference.bases import DEMO, open_base
from ..method import METHOD, PACKAGE
from ..network.model import Injector
from .config import TrainConfig
from .denoising import Denoising, DenoisingStep, share_of
from .encoding import SceneEncoder, TextEncoder, TokenNames, element_features, keep_texts
from .start import initial_injector


def train(
    recipe: str | Path,
    data: str | Path | None,
    out: str | Path,
    *,
    base: str | Path = DEMO,
    weights: str | Path | None = None,
    validation: str | Path | None = None,
    cache: str | Path | None = None,
    overrides: Mapping[str, str] | None = None,
    resume: bool = True,
    say: Callable[[str], None] = print,
) -> FitResult:
    """Train an injector by a recipe; an interrupted run is resumed.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        data: captioned scenes with foregrounds, whatever `open_items` takes; None for a few drawn ones, to try it out.
        out: the run's folder; ``out/last`` holds the weights.
        base: the base model, whatever `open_base` takes.
        weights: start from a trained injector of the recipe's settings, whatever `load_model` takes.
        validation: scenes for validation; default: a share of the others is held out.
        cache: folder in which what frozen networks make is kept; default: ``out/features``.
        overrides: recipe fields by dotted name, such as ``{"loop.steps": "1000"}``.
        resume: go on from the newest run state in ``out``; False removes an earlier run.
        say: told which images are dropped, and what is trained on.

    Raises:
        InputError: if the recipe, the base, the data or the weights are not what they should be, or ``out`` holds
            another run or cannot be written.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    config = load_recipe(TrainConfig, PACKAGE, recipe, overrides)
    if data is None:
        with TemporaryDirectory() as folder:
            drawn = make_scenes(Path(folder), config.side)
            more = {"weights": weights, "validation": validation, "cache": cache or Path(out) / "features"}
            return train(recipe, drawn, out, base=base, overrides=overrides, resume=resume, say=say, **more)
    items = open_items(data)
    outside = [] if validation is None else open_items(validation, "val")
    pipeline = open_base(base)
    _check_side(config, pipeline)
    injector = initial_injector(config, pipeline, weights)
    accelerator = start_accelerator(config.loop)
    known = Path(cache or Path(out) / "features") / "images.jsonl"
    how: dict[str, Any] = {"keep_duplicates": config.keep_duplicates, "say": say}
    kept = on_main(accelerator, lambda: split(items, outside, config.least_side, Looks(known), **how))
    parts = kept.parts(config.held_out, seed=config.loop.seed, where=f"{data}: scenes")
    pipeline.to(accelerator.device)
    model = Denoising(injector.to(accelerator.device), pipeline, config.recompute)
    try:
        encoder = SceneEncoder(pipeline.vae, accelerator.device)
        features = Path(cache or Path(out) / "features")
        inside, judged = _sources(config, kept, parts, encoder, injector, pipeline, features, accelerator, say)
        step = DenoisingStep(encoder, bars_of(pipeline.scheduler), prediction_of(pipeline.scheduler), config.min_snr)
        if accelerator.is_main_process:
            say(f"{len(inside)} scenes to train on, {len(judged)} to validate on")
        return fit(
            model,
            step,
            inside,
            config=config.loop,
            out=Path(out),
            validate=lambda network: mean_losses(network, step, judged, config.loop.batch_size),
            parameters=model.parameters(),
            shares=lambda name, each: share_of(name, each, config.spatial_rate),
            # a batch may show no element at all
            unused=True,
            resume=resume,
            run_description=describe_run(
                METHOD.name,
                config,
                {"weights": weights, "validation": validation},
                base=fingerprint(pipeline.unet),
                scenes=len(inside),
            ),
            memory_advice="recompute, loop.accumulate, loop.precision bfloat16, a smaller loop.batch_size",
        )
    finally:
        model.take_off()


def _check_side(config: TrainConfig, pipeline: Any) -> None:
    """Validate that the base's latents can be halved as often as its U-Net does."""
    multiple = factor_of(pipeline.vae) * 2 ** (len(pipeline.unet.config.block_out_channels) - 1)
    if config.side % multiple:
        raise InputError(f"side is {config.side}; it must be a multiple of {multiple} for this base")


def _sources(
    config: TrainConfig,
    kept: Split[Item],
    parts: tuple[list[int], list[int]],
    encoder: SceneEncoder,
    injector: Injector,
    pipeline: Any,
    cache: Path,
    accelerator: Any,
    say: Callable[[str], None],
) -> tuple[SceneSamples, SceneSamples]:
    """Return the samples to train and to validate on; what is kept of them is made first where it is not there yet."""
    squares = Squares(kept.items, config.side, config.cache_mb)
    texts = _texts(config, kept, pipeline, cache, accelerator, say)
    latents = None
    mirrors = tuple(mirror for mirror, share in ((False, config.flip < 1), (True, config.flip > 0)) if share)
    process = {"process": accelerator.process_index, "processes": accelerator.num_processes}
    if config.crop == "middle":
        latents = KeptFeatures(FeatureCache(cache, encoder.made_with(config.side)), kept.digests, config.cache_mb)
        keep_features(latents, len(squares), lambda part: encoder.of_middles(squares, part), mirrors, **process)
        accelerator.wait_for_everyone()
    side = config.side // factor_of(pipeline.vae)
    how = Drawing(
        (pipeline.unet.config.in_channels, side, side),
        injector.crop_side,
        config.model.form,
        len(bars_of(pipeline.scheduler)),
        config.flip,
        config.drops.text,
        config.drops.foreground,
        config.drops.both,
        config.elements,
        config.area,
        config.looks,
    )
    seen = None
    if config.kept_looks:
        seen = _seen(config, kept, injector, cache)
        every = SceneSamples(squares, texts, how, range(len(squares)), latents, seen)
        half = config.loop.precision != "float32"

        def made(part: Sequence[Which]) -> dict[str, Tensor]:
            return element_features(injector, every, part, half)

        keep_features(seen.features, len(seen.looks), made, mirrors, **process)
        accelerator.wait_for_everyone()
    inside, judged = (SceneSamples(squares, texts, how, part, latents, seen) for part in parts)
    return inside, judged


def _seen(config: TrainConfig, kept: Split[Item], injector: Injector, cache: Path) -> SeenLooks:
    looks = KeptLooks(kept.items, kept.digests, config.kept_looks, config.looks)
    made_with = {
        "encoder": injector.encoder_name,
        "side": config.side,
        "looks": asdict(config.looks),
        "half": config.loop.precision != "float32",
    }
    return SeenLooks(looks, KeptFeatures(FeatureCache(cache, made_with), looks.keys(), config.cache_mb))


def _texts(
    config: TrainConfig, kept: Split[Item], pipeline: Any, cache: Path, accelerator: Any, say: Callable[[str], None]
) -> Texts:
    encoder = TextEncoder(pipeline, accelerator.device, half=config.loop.precision != "float32")
    names = TokenNames(pipeline.tokenizer)
    texts = Texts(FeatureCache(cache, encoder.made_with()), names, config.cache_mb)
    captions = [caption for item in kept.items for caption in item.captions]
    if told := on_main(accelerator, lambda: keep_texts(texts, captions, encoder)):
        say(told)
    return texts
