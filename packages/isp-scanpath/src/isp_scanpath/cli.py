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
from visioncore.errors import InputError
from visioncore.files import writable_folder

from .method import METHOD

if TYPE_CHECKING:
    from visioncore.inference.batch import Summary

demo, convert, export, bench, info, weights = shared_commands(METHOD)

Observers = Annotated[
    tuple[str, ...],
    arg(
        help="names, or indices from 0 where the weights hold no names, mean, or a file that adapt wrote; default: all"
    ),
]
ObserverFile = Annotated[str, arg(help="a file of observers that adapt wrote; default: those that the network learnt")]
Features = Annotated[str, arg(help="the folder of stored features, for a Gazeformer")]
Texts = Annotated[str, arg(help="an npz file with the embedding of each task, for a Gazeformer")]
Images = Annotated[str, arg(help="the folder of images; that of OSIE is found beside its scanpaths")]
ObserverBatch = Annotated[int, arg(help="observers on the device at a time")]


class Looking(TypedDict, total=False):
    """Inputs of a network, and the device that it runs on."""

    images: Annotated[Images, Default("")]
    features: Annotated[Features, Default("")]
    texts: Annotated[Texts, Default("")]
    device: Annotated[options.Device, Default("auto")]


class Measuring(Looking, total=False):
    """Inputs of a network, the observers, and the part of the data to measure it on."""

    observers: Annotated[ObserverFile, Default("")]
    split: Annotated[Literal["train", "validation", "test"], arg(help="the part of the data"), Default("test")]


class Sampling(options.OnDevice, total=False):
    """Arguments of the Predictor."""

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
    animation: Literal["none", "gif", "mp4"] = "none",
    probabilities: bool = False,
    reference: str = "",
    images: Images = "",
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
        animation: let them run over the image as well, in their own time.
        probabilities: also write where each observer looks at each step, as an npz file.
        reference: recorded scanpaths, as for train, drawn beside; images are found by the end of their path.
        images: the folder of the images of reference, for a CSV file without width and height.
    """
    from .data.datasets import read_scanpaths
    from .data.observer_vectors import ObserverVectors
    from .inference.files import predict_files
    from .inference.predictor import Predictor

    files = [name for name in observers if name.endswith(".json")]
    if len(files) > 1:
        raise InputError(f"observers are in {len(files)} files ({', '.join(files)}); give one")
    vectors = ObserverVectors.load(files[0]) if files else None
    recorded = read_scanpaths(reference, images) if reference else None
    predictor = Predictor(weights, **sampling, notify=complain)
    summary = predict_files(
        inputs,
        predictor,
        out,
        observers=[name for name in observers if name not in files] or None,
        task=task,
        suffix=suffix,
        vectors=vectors,
        figure=figure,
        animation="" if animation == "none" else f".{animation}",
        probabilities=probabilities,
        reference=recorded,
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
    features: Features = "",
    texts: Texts = "",
    imagenet: str = "",
    **start: Unpack[options.Training],
) -> int:
    """Train a network by a recipe; the same call resumes an interrupted run.

    Args:
        recipe: a shipped recipe (chenlstm-osie, gazeformer-osie, osie-small, demo, ...) or a YAML file.
        out: folder of the run; out/best holds the weights.
        data: scanpaths: OSIE's fixations.mat or its folder, a JSON list of the authors' preparation, or a CSV file;
            without it synthetic ones are made, to try it out.
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
    from .data.datasets import read_scanpaths
    from .data.features import store_features

    scanpaths = read_scanpaths(data, images)
    number = store_features(scanpaths, out, backbone, grid=grid, device=device, weights=detector)
    say(f"features of {number} images: {out}")


def evaluate(
    data: Path,
    weights: options.Weights = "",
    results: options.Results = "",
    others: bool = False,
    protocols: tuple[Literal["published", "sound"], ...] = ("published", "sound"),
    out: options.Tables = Path("out/evaluation"),
    seeds: Annotated[int, arg(help="how often scanpaths are sampled, from the seeds 0, 1, ...")] = 10,
    dtype: options.Dtype = "float32",
    batch: ObserverBatch = 64,
    **measuring: Unpack[Measuring],
) -> None:
    """Measure predictions for every observer by the paper's protocol and write the tables.

    Weights human measures how far the observers agree, centre-bias scanpaths that are drawn from all of the training
    split: both are there to compare with. Results are a folder with a JSON file for each image, as predict
    writes it.

    Args:
        data: scanpaths with a split, as for train.
        others: measure what the network predicts for other observers than it should, to compare with.
        protocols: published lengthens short scanpaths as the authors' scripts do; sound measures them as they are.
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
        seeds=seeds,
        dtype=dtype,
        batch=batch,
        **measuring,
    )
    for protocol, evaluation in measured.items():
        evaluation.save(out / protocol)
        title = f"{protocol}: {len(evaluation.trials)} scanpaths of {data}, by {evaluation.made_by}"
        print_table(evaluation.summary(), title=title)
    say(f"tables: {out}")


def adapt(
    data: Path,
    weights: options.Weights,
    out: Annotated[Path, arg(help="the JSON file of observers")],
    observers: Annotated[tuple[str, ...], arg(help="their names in the data; default: all")] = (),
    scanpaths: Annotated[int, arg(help="of an observer, the first by the name of the image; 0 for all")] = 0,
    steps: Annotated[int, arg(help="of Adam, each over all scanpaths of an observer")] = 50,
    learning_rate: Annotated[float, arg(help="of the vectors")] = 0.05,
    **looking: Unpack[Looking],
) -> None:
    """Fit a vector to a few scanpaths of each new observer; the network stays as it is.

    Predict, evaluate and observers take the file. Where the data has splits, the training split alone is seen.

    Args:
        data: scanpaths of the observers, as for train.
    """
    from .training.adaptation import adapt_to_data

    if out.suffix != ".json":
        raise InputError(f"{out}: observers are written as .json")
    found = adapt_to_data(
        weights, data, observers=observers, most=scanpaths, steps=steps, learning_rate=learning_rate, **looking
    )
    found.save(out)
    say(f"{len(found.names)} observers, from {min(found.scanpaths)} to {max(found.scanpaths)} scanpaths each: {out}")


def observers(
    weights: options.Weights,
    data: str = "",
    out: options.Tables = Path("out/observers"),
    **measuring: Unpack[Measuring],
) -> None:
    """Show where the observers' vectors lie, and by what they and their groups are told apart, in a figure and a table.

    The group of each is judged by all others, from the vectors; with images or features also from the scanpaths, by
    their likelihood under each observer, which tells observers as well.

    Args:
        data: scanpaths of the observers, as for train, with their names and groups.
    """
    from visioncore.report import print_table

    from .evaluation.observers import study_weights

    writable_folder(out)
    study = study_weights(weights, data, **measuring)
    study.save(out)
    print_table(study.table(), title=f"observers of {measuring.get('observers') or weights}")
    for what, found in study.report().items():
        say(f"{what}: {found:.3g}" if isinstance(found, float) else f"{what}: {found}")
    say(f"figure and tables: {out}")


COMMANDS, main = program(
    METHOD, demo, predict, train, adapt, features, evaluate, observers, convert, export, bench, info, weights
)

if __name__ == "__main__":
    sys.exit(main())
