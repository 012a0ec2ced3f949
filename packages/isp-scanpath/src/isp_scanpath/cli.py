"""The commands of ``isp-scanpath``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypedDict, Unpack

from tyro.conf import arg

from visioncore.cli import Default, complain, say
from visioncore.commands import options
from visioncore.commands.evaluation import check_one_given
from visioncore.commands.shared import program, shared_commands
from visioncore.commands.training import run_training
from visioncore.files import writable_folder

from .method import METHOD

if TYPE_CHECKING:
    from visioncore.inference.batch import Summary

demo, convert, export, bench, info, weights = shared_commands(METHOD)

Observers = Annotated[tuple[str, ...], arg(help="indices of observers from 0, or mean; default: all")]
Images = Annotated[str, arg(help="the folder of images; that of OSIE is found beside its scanpaths")]
ObserverBatch = Annotated[int, arg(help="observers on the device at a time")]


class Sampling(TypedDict, total=False):
    """Arguments of the Predictor."""

    device: Annotated[options.Device, Default("auto")]
    dtype: Annotated[options.Dtype, Default("float32")]
    batch: Annotated[ObserverBatch, Default(64)]
    samples: Annotated[int, arg(help="scanpaths of each observer"), Default(1)]
    seed: Annotated[int, arg(help="from which samples are drawn"), Default(0)]
    deterministic: Annotated[bool, arg(help="the likeliest step each time, instead of samples"), Default(False)]
    temperature: Annotated[float, arg(help="below 1 samples keep closer to what is likely"), Default(1.0)]


def predict(
    inputs: options.Inputs,
    weights: options.Weights,
    out: options.Out,
    observers: Observers = (),
    task: str = "",
    suffix: Literal[".json", ".csv"] = ".json",
    figure: bool = True,
    overwrite: options.Overwrite = False,
    **sampling: Unpack[Sampling],
) -> Summary:
    """Predict where observers look, in which order and for how long.

    What is done already is skipped, and a broken file is reported and the others still run.

    Args:
        inputs: images: files, folders, glob patterns.
        task: target category, for weights of COCO-Search18.
        suffix: format of the scanpaths.
        figure: draw them over the image as well.
    """
    from .inference.predictor import Predictor, predict_files

    predictor = Predictor(weights, **sampling, notify=complain)
    summary = predict_files(
        inputs,
        predictor,
        out,
        observers=observers or None,
        task=task,
        suffix=suffix,
        figure=figure,
        overwrite=overwrite,
        say=complain,
    )
    say(f"{summary}; results in {out}")
    return summary


def train(
    recipe: str,
    out: Path,
    overrides: Mapping[str, str],
    data: str = "",
    images: Images = "",
    features: str = "",
    texts: str = "",
    imagenet: str = "",
    **start: Unpack[options.Training],
) -> int:
    """Train a network by a recipe; the same call resumes an interrupted run.

    Args:
        recipe: a shipped recipe (chenlstm-osie, gazeformer-osie, osie-small, demo, ...) or a YAML file.
        out: folder of the run; out/best holds the weights.
        data: scanpaths: OSIE's fixations.mat or its folder, a JSON list of the authors' preparation, or a CSV file;
            without it synthetic ones are made, to try it out.
        features: the folder of stored features, for a Gazeformer.
        texts: an npz file with the embedding of each task, for a Gazeformer.
        imagenet: start the backbone of a ChenLSTM from torchvision's ResNet-50, a file or a name of weights list.
    """
    from .training import trainer

    return run_training(
        trainer.train,
        recipe,
        data,
        out,
        images=images,
        features=features,
        texts=texts,
        imagenet=imagenet,
        overrides=overrides,
        **start,
    )


def features(
    data: Path,
    out: Path,
    images: Images = "",
    backbone: Literal["detector", "lite"] = "detector",
    detector: str = "detector",
    grid: Annotated[tuple[int, int], arg(help="rows and columns of the network's map")] = (24, 32),
    device: options.Device = "auto",
) -> None:
    """Store the features of a data set's images, which a Gazeformer is trained and measured on.

    Args:
        data: scanpaths, as for train.
        out: the new folder of features, half a number of 16 bit each.
        backbone: that of the detector which the authors used, or EfficientNet-Lite0 (extra lite).
        detector: its weights, torchvision's file or a name of weights list.
    """
    from visioncore.devices import resolve_device

    from .data.datasets import read_scanpaths
    from .data.features import BACKBONES, extractor_for, store_features
    from .network.config import GazeformerConfig

    scanpaths = read_scanpaths(data, images or None)
    scanpaths.check_images()
    assert scanpaths.images is not None
    config = GazeformerConfig(grid=grid, feature_channels=BACKBONES[backbone])
    extract = extractor_for(config, resolve_device(device), detector)
    names = sorted({trial.image for trial in scanpaths.trials})
    store_features(scanpaths.images, out, config, extract, names)
    say(f"features of {len(names)} images: {out}")


def evaluate(
    data: Path,
    weights: options.Weights = "",
    results: options.Results = "",
    others: bool = False,
    protocols: tuple[Literal["published", "sound"], ...] = ("published", "sound"),
    out: options.Tables = Path("out/evaluation"),
    images: Images = "",
    features: str = "",
    texts: str = "",
    split: Literal["train", "validation", "test"] = "test",
    seeds: Annotated[int, arg(help="how often scanpaths are sampled, from the seeds 0, 1, ...")] = 10,
    device: options.Device = "auto",
    dtype: options.Dtype = "float32",
    batch: ObserverBatch = 64,
) -> None:
    """Measure predictions for every observer by the paper's protocol and write the tables.

    Weights human measures how far the observers agree, centre-bias scanpaths that are drawn from all of the training
    split: both are there to compare with. Results are a folder with a JSON file for each image, as predict
    writes it.

    Args:
        data: scanpaths with a split, as for train.
        others: measure what the network predicts for other observers than it should, to compare with.
        protocols: published lengthens short scanpaths as the authors' scripts do; sound measures them as they are.
        features: the folder of stored features, for a Gazeformer.
        texts: an npz file with the embedding of each task, for a Gazeformer.
        split: the part of the data.
    """
    from visioncore.report import print_table

    from .evaluation.networks import evaluate_weights

    check_one_given(weights=weights, results=results)
    writable_folder(out)
    measured = evaluate_weights(
        data,
        weights,
        results=results,
        others=others,
        protocols=protocols,
        images=images or None,
        features=features or None,
        texts=texts or None,
        split=split,
        seeds=seeds,
        device=device,
        dtype=dtype,
        batch=batch,
    )
    for protocol, evaluation in measured.items():
        evaluation.save(out / protocol)
        title = f"{protocol}: {len(evaluation.trials)} scanpaths of {data}, by {evaluation.made_by}"
        print_table(evaluation.summary(), title=title)
    say(f"tables: {out}")


COMMANDS, main = program(METHOD, demo, predict, train, features, evaluate, convert, export, bench, info, weights)

if __name__ == "__main__":
    sys.exit(main())
