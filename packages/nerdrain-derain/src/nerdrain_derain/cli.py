"""The commands of ``nerdrain-derain``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Unpack

import tyro

from visioncore.cli import Default, complain, say
from visioncore.commands import options
from visioncore.commands.evaluation import check_one_given, show_evaluation
from visioncore.commands.shared import program, shared_commands
from visioncore.commands.training import run_training
from visioncore.files import writable_folder

from .method import METHOD

if TYPE_CHECKING:
    from visioncore.inference.batch import Summary

    from .inference.predictor import Predictor

demo, convert, export, bench, info, weights = shared_commands(METHOD)

Tiles = Annotated[
    str,
    tyro.conf.arg(
        help="auto: none, or few where memory asks for them; whole: none; official: the authors' windows of 256; "
        "SIZE,OVERLAP such as 256,32"
    ),
]


class Running(options.Running, total=False):
    """Arguments of the Predictor."""

    tiles: Annotated[Tiles, Default("auto")]
    batch: Annotated[options.Batch, Default(1)]


def predict(
    inputs: options.Inputs,
    weights: options.Weights,
    out: options.Out,
    suffix: options.Suffix = ".png",
    compression: options.PngCompression = "fast",
    overwrite: options.Overwrite = False,
    **running: Unpack[Running],
) -> Summary:
    """Remove the rain from photos and videos.

    Files, folders and glob patterns are taken. What is done already is skipped, a broken file is reported and the
    others still run, and under accelerate launch the processes share the files.

    Args:
        inputs: images and videos: files, folders, glob patterns.
    """
    from .inference.predictor import predict_files

    summary = predict_files(
        inputs,
        _predictor(weights, running),
        out,
        suffix=suffix,
        compression=compression,
        overwrite=overwrite,
        say=complain,
    )
    say(f"{summary}; results in {out}")
    return summary


def train(
    recipe: str,
    data: Path,
    out: Path,
    overrides: Mapping[str, str],
    **start: Unpack[options.Training],
) -> int:
    """Train a network by a recipe; the same call resumes an interrupted run.

    Args:
        recipe: a shipped recipe (nerd-rain, nerd-rain-s, nerd-rain-mprnet, demo) or a YAML file.
        data: a folder with input and target, a CSV list of pairs, or clean photos for recipes with synthetic rain.
        out: folder of the run; out/best holds the weights.
    """
    from .training import trainer

    return run_training(trainer.train, recipe, data, out, overrides=overrides, say=complain, **start)


def evaluate(
    data: Path,
    weights: options.Weights = "",
    results: options.Results = "",
    out: options.Tables = Path("out/evaluation"),
    protocols: tuple[Literal["y_A", "y_B", "rgb"], ...] = ("y_A", "y_B", "rgb"),
    **running: Unpack[Running],
) -> None:
    """Measure restored images by the protocols of the paper and write the tables.

    The numbers of the paper are those of --tiles official.

    Args:
        data: a folder with input and target, or a CSV list of pairs.
        protocols: y_A for Rain200L, Rain200H and SPA-Data; y_B for DID-Data and DDN-Data; rgb.
    """
    from .evaluation.protocols import evaluate as measure

    check_one_given(weights=weights, results=results)
    writable_folder(out)
    restore = results or _predictor(weights, running)
    show_evaluation(measure(data, restore, protocols=protocols, say=complain), out)


def _predictor(weights: str, running: Running) -> Predictor:
    from .inference.predictor import Predictor

    return Predictor(weights, **running, notify=complain)


COMMANDS, main = program(METHOD, demo, predict, train, evaluate, convert, export, bench, info, weights)

if __name__ == "__main__":
    sys.exit(main())
