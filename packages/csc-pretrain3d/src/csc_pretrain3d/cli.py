"""The commands of ``csc-pretrain3d``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Unpack

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


class Running(options.Running, total=False):
    """Arguments of the Predictor."""

    batch: Annotated[options.Batch, Default(1)]


def predict(
    inputs: options.Inputs,
    weights: options.Weights,
    out: options.Out,
    overwrite: options.Overwrite = False,
    **running: Unpack[Running],
) -> Summary:
    """Make photos bright.

    What is done already is skipped, and a broken file is reported and the others still run.

    Args:
        inputs: photos: files, folders, glob patterns.
    """
    from .inference.predictor import predict_files

    summary = predict_files(inputs, _predictor(weights, running), out, overwrite=overwrite, say=complain)
    say(f"{summary}; results in {out}")
    return summary


def train(
    recipe: str,
    out: Path,
    overrides: Mapping[str, str],
    data: str = "",
    **start: Unpack[options.Training],
) -> int:
    """Train a network by a recipe; the same call resumes an interrupted run.

    Args:
        recipe: a shipped recipe (demo) or a YAML file.
        out: folder of the run; out/best holds the weights.
        data: a folder of bright photos; without it synthetic ones are made.
    """
    from .training import trainer

    return run_training(trainer.train, recipe, data, out, overrides=overrides, **start)


def evaluate(
    data: Path,
    weights: options.Weights = "",
    results: options.Results = "",
    out: options.Tables = Path("out/evaluation"),
    protocols: tuple[Literal["rgb", "y_A"], ...] = ("rgb", "y_A"),
    **running: Unpack[Running],
) -> None:
    """Measure bright photos by the protocols of the paper and write the tables.

    Args:
        data: a folder with input (dim photos) and target (the same in full light).
        protocols: PSNR and SSIM of RGB values (rgb) or of luminance (y_A).
    """
    from .evaluation.protocols import evaluate as measure

    check_one_given(weights=weights, results=results)
    writable_folder(out)
    show_evaluation(measure(data, results or _predictor(weights, running), protocols=protocols), out)


def _predictor(weights: str, running: Running) -> Predictor:
    from .inference.predictor import Predictor

    return Predictor(weights, **running, notify=complain)


COMMANDS, main = program(METHOD, demo, predict, train, evaluate, convert, export, bench, info, weights)

if __name__ == "__main__":
    sys.exit(main())
