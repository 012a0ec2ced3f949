"""Training by recipe: data, features, the run; the loop itself is `visioncore.training`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from visioncore.data.feature_cache import FeatureCache
from visioncore.data.kept_features import KeptFeatures, Which, keep_features
from visioncore.data.looks import Looks
from visioncore.data.splits import Split, split
from visioncore.diffusion.schedule import prediction_of
from visioncore.recipes import load_recipe
from visioncore.training import FitResult, describe_run, fit, mean_losses
from visioncore.training.accelerator import on_main, start_accelerator
from visioncore.weights.fingerprint import fingerprint

from ..data.datasets import open_items
from ..data.items import Item
from ..data.preparation import Squares
from ..data.samples import Drawing, StyleSamples
from ..data.style_references import GroupReferences, OwnReferences
from ..data.synthetic import make_images
from ..data.texts import Texts
from ..inference.bases import DEMO, open_base
from ..method import METHOD, PACKAGE
from ..network.config import LEVELS
from .config import TrainConfig
from .denoising import Denoising, DenoisingStep, share_of
from .encoding import Encoder, calibrate
from .start import initial_adapter


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
    """Train an adapter by a recipe; an interrupted run is resumed.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        data: captioned images, whatever `open_items` takes; None for a few drawn ones, to try it out.
        out: the run's folder; ``out/last`` holds the weights.
        base: the base model, whatever `open_base` takes.
        weights: start from a trained adapter of the recipe's settings, whatever `load_model` takes.
        validation: captioned images for validation; default: a share of the others is held out.
        cache: folder in which what frozen networks make of images is kept; default: ``out/features``.
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
            drawn = make_images(Path(folder), config.side)
            more = {"weights": weights, "validation": validation, "cache": cache or Path(out) / "features"}
            return train(recipe, drawn, out, base=base, overrides=overrides, resume=resume, say=say, **more)
    items = open_items(data)
    outside = [] if validation is None else open_items(validation, "val")
    pipeline = open_base(base)
    adapter = initial_adapter(config, pipeline, weights)
    accelerator = start_accelerator(config.loop)
    known = Path(cache or Path(out) / "features") / "images.jsonl"
    how: dict[str, Any] = {"keep_duplicates": config.keep_duplicates, "say": say}
    kept = on_main(accelerator, lambda: split(items, outside, config.least_side, Looks(known), **how))
    parts = kept.parts(config.held_out, seed=config.loop.seed, where=f"{data}: images")
    pipeline.to(accelerator.device)
    model = Denoising(adapter.to(accelerator.device), pipeline, config.recompute)
    try:
        encoder = Encoder(pipeline.vae, adapter, accelerator.device)
        inside, judged = _sources(config, kept, parts, encoder, pipeline, cache or Path(out) / "features", accelerator)
        if weights is None:
            calibrate(encoder, inside)
        step = DenoisingStep(encoder, config.min_snr, prediction=prediction_of(pipeline.scheduler))
        if accelerator.is_main_process:
            say(f"{len(inside)} images to train on, {len(judged)} to validate on")
        return fit(
            model,
            step,
            inside,
            config=config.loop,
            out=Path(out),
            validate=lambda network: mean_losses(network, step, judged, config.loop.batch_size),
            parameters=[each for name, each in model.named_parameters() if not name.startswith("adapter.vgg.")],
            shares=lambda name, each: share_of(name, each, config.attention_rate, config.content_rate),
            # a batch may have no style at all
            unused=True,
            resume=resume,
            run_description=describe_run(
                METHOD.name,
                config,
                {"weights": weights, "validation": validation},
                base=fingerprint(pipeline.unet),
                images=len(inside),
            ),
            memory_advice="recompute, loop.accumulate, loop.precision bfloat16, a smaller loop.batch_size",
        )
    finally:
        model.take_off()


def _sources(
    config: TrainConfig,
    kept: Split[Item],
    parts: tuple[list[int], list[int]],
    encoder: Encoder,
    pipeline: Any,
    cache: str | Path,
    accelerator: Any,
) -> tuple[StyleSamples, StyleSamples]:
    """Return the samples to train and to validate on, whose features are found first where they are not kept yet."""
    squares, tokens = Squares(kept.items, config.side, config.cache_mb), encoder.adapter.config.tokens * len(LEVELS)
    tokenizer = pipeline.tokenizer
    made_with = {"words": len(tokenizer), "context": tokenizer.model_max_length, "style_tokens": tokens}
    texts = on_main(
        accelerator,
        lambda: Texts.of([item.caption for item in kept.items], tokenizer, tokens, FeatureCache(cache, made_with)),
    )
    features = None
    if config.crop == "middle":
        features = KeptFeatures(FeatureCache(cache, encoder.made_with(config.side)), kept.digests, config.cache_mb)
        mirrors = tuple(mirror for mirror, share in ((False, config.flip < 1), (True, config.flip > 0)) if share)
        process = {"process": accelerator.process_index, "processes": accelerator.num_processes}

        def encoded(part: Sequence[Which]) -> dict[str, Tensor]:
            return encoder(torch.stack([squares.middle(index, mirror=mirror) for index, mirror in part]))

        keep_features(features, len(squares), encoded, mirrors, **process)
        accelerator.wait_for_everyone()
    references = OwnReferences() if config.reference == "own" else GroupReferences(kept.items, parts[0])
    side = config.side // pipeline.vae_scale_factor
    how = Drawing(
        (pipeline.unet.config.in_channels, side, side),
        config.flip,
        config.drops.text,
        config.drops.style,
        config.drops.both,
        config.drops.content if config.content else None,
        config.colours,
        config.reference == "own",
    )
    inside, judged = (StyleSamples(squares, texts, references, how, part, features) for part in parts)
    return inside, judged
