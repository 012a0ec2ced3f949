"""The commands of ``gazedptr-gaze``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from visioncore.cli import Default, complain, say
from visioncore.commands import options
from visioncore.commands.evaluation import check_one_given
from visioncore.commands.shared import program, shared_commands
from visioncore.commands.training import run_training
from visioncore.files import writable_folder

from .method import METHOD

if TYPE_CHECKING:
    from visioncore.inference.batch import Summary

    from .data.label_check import LabelCheck
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
    weights: options.StartWeights = "",
    imagenet: str = "",
    resume: options.Resume = True,
) -> int:
    """Train a network by a recipe on two folds of IVGaze; the same call resumes an interrupted run.

    Args:
        recipe: a shipped recipe (gazeptr, gazedptr, gazedptr_v2, demo) or a YAML file.
        out: folder of the run; out/last holds the weights.
        data: the folder of IVGaze, or of data laid out as it; without it a few drivers are rendered, to try it out.
        imagenet: start the trunks from torchvision's ResNet-18, a file or a name of weights list.
    """
    from .training import trainer

    start = {"weights": weights, "imagenet": imagenet, "resume": resume}
    return run_training(trainer.train, recipe, data, out, overrides=overrides, say=complain, **start)


def evaluate(
    data: Path,
    weights: options.Weights = "",
    logs: str = "",
    folds: tuple[int, ...] = (1, 2, 3),
    out: options.Tables = Path("out/evaluation"),
    device: options.Device = "auto",
    dtype: options.Dtype = "float32",
    batch: options.Batch = 64,
) -> None:
    """Measure angular errors and zones on folds of IVGaze and write the tables.

    {fold} in weights or logs stands for the number of a fold: runs/{fold}/last.

    Args:
        data: the folder of IVGaze, or of data laid out as it.
        logs: or measure the predictions in these log files of the authors' form (.log_dir, .log_zone beside it).
        folds: those that are tested on.
    """
    from visioncore.report import print_table

    from .evaluation.protocol import evaluate as measure

    check_one_given(weights=weights, logs=logs)
    writable_folder(out)
    made = measure(data, weights, logs=logs, folds=folds, device=device, dtype=dtype, batch=batch, say=complain)
    made.save(out)
    print_table(made.summary(), title=f"mean errors in degrees, by {made.made_by}")
    if made.zones().rows:
        print_table(made.zones(), title="zones")
    say(f"tables: {out}")


def check_labels(data: Path, folds: tuple[int, ...] = (1, 2, 3)) -> LabelCheck:
    """Check for every line of IVGaze's labels that gaze vectors and rotation share a frame.

    The exit code is 1 if any line disagrees.

    Args:
        data: the folder of IVGaze, or of data laid out as it.
        folds: which ones.
    """
    from visioncore.report import print_table

    from .data.label_check import check_labels as check

    checked = check(data, folds)
    print_table(checked.summary, title="degrees between the rotated gaze and the normalised one")
    for line in checked.worst:
        complain(line)
    return checked


def _predictor(weights: str, running: Running) -> Predictor:
    from .inference.predictor import Predictor
    from .network.weights import load_model

    return Predictor(load_model(weights), **running, notify=complain)


COMMANDS, main = program(METHOD, demo, predict, train, evaluate, check_labels, convert, export, bench, info, weights)

if __name__ == "__main__":
    sys.exit(main())
