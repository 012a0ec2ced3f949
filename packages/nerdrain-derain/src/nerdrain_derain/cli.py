"""The commands of ``nerdrain-derain``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from visioncore.cli import Command, Positional, complain, say
from visioncore.commands.options import Weights
from visioncore.commands.shared import program, shared_commands
from visioncore.errors import InputError
from visioncore.files import writable_folder

from .method import METHOD

if TYPE_CHECKING:
    from .inference.predictor import Predictor

demo, convert, export, bench, info = shared_commands(METHOD)


def predict(
    inputs: Positional[tuple[str, ...]],
    weights: Weights,
    out: Path,
    tiles: str = "256,32",
    device: str = "auto",
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "float32",
    batch: int = 1,
    self_ensemble: bool = False,
    compile: bool = False,
    suffix: Literal[".png", ".jpg", ".tif", ".webp", ".bmp"] = ".png",
    overwrite: bool = False,
) -> int:
    """Remove the rain from photos and videos.

    Files, folders and glob patterns are taken. What is done already is skipped, a broken file is reported and the
    others still run, and under accelerate launch the processes share the files.

    Args:
        inputs: pictures and videos: files, folders, glob patterns.
        weights: demo, a folder, a hub id, or a checkpoint of the authors.
        out: folder for the results.
        tiles: SIZE,OVERLAP for blended tiles; official for the authors' windows of 256; whole for no tiles.
        device: auto, cpu, cuda, cuda:1, mps.
        dtype: bfloat16 and float16 are faster and a little less exact.
        batch: tiles on the device at a time.
        self_ensemble: average over eight turned and mirrored versions, at eight times the cost.
        compile: compile the network first, which pays off for many tiles.
        suffix: format of the pictures; .png and .tif keep everything.
        overwrite: make results anew that are there already.
    """
    from .inference.predictor import predict_files

    predictor = _predictor(weights, device, dtype, tiles, batch, self_ensemble, compile)
    summary = predict_files(inputs, predictor, out, suffix=suffix, overwrite=overwrite, say=complain)
    say(f"{summary}; results in {out}")
    return summary.exit_code


def train(
    recipe: str,
    data: Path,
    out: Path,
    overrides: Mapping[str, str],
    validation: str = "held-out",
    resume: bool = True,
) -> int:
    """Train a network by a recipe; the same call goes on with a run that was interrupted.

    Args:
        recipe: a shipped recipe (nerd-rain, nerd-rain-s, nerd-rain-mprnet, demo) or a YAML file.
        data: a folder with input and target, a CSV list of pairs, or clean photos for recipes with synthetic rain.
        out: folder of the run; out/best holds the weights.
        validation: pictures laid out as data; held-out takes a share of data.
        resume: go on from the newest checkpoint in out; otherwise an earlier run in out is removed.
    """
    from visioncore.training import TrainingDiverged

    from .training.trainer import train as run_training

    folder = None if validation == "held-out" else Path(validation)
    try:
        result = run_training(recipe, data, out, validation=folder, overrides=overrides, resume=resume, say=complain)
    except TrainingDiverged as error:
        complain(f"error: {error}")
        return 1
    say(f"{result.steps} steps, best {_numbers(result.best_metrics)}; weights in {out / 'best'}")
    return 0


def evaluate(
    data: Path,
    weights: str = "",
    restored: str = "",
    out: Path = Path("out/evaluation"),
    protocols: tuple[Literal["y_A", "y_B", "rgb"], ...] = ("y_A", "y_B", "rgb"),
    tiles: str = "official",
    device: str = "auto",
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "float32",
    batch: int = 1,
) -> None:
    """Measure restored pictures by the protocols of the paper and write the tables.

    Args:
        data: a folder with input and target, or a CSV list of pairs.
        weights: restore with these: demo, a folder, a hub id, or a checkpoint of the authors.
        restored: or measure the pictures in this folder, restored before by whatever method.
        out: folder for per_image.csv, summary.md and report.json.
        protocols: y_A for Rain200L, Rain200H and SPA-Data; y_B for DID-Data and DDN-Data; rgb.
        tiles: official reproduces the paper; or SIZE,OVERLAP or whole.
        device: auto, cpu, cuda, cuda:1, mps.
        dtype: bfloat16 and float16 are faster and a little less exact.
        batch: tiles on the device at a time.
    """
    from visioncore.report import print_table

    from .evaluation.protocols import evaluate as run_evaluation

    if bool(weights) == bool(restored):
        raise InputError("evaluate: give either --weights or --restored")
    writable_folder(out)
    restore = restored or _predictor(weights, device, dtype, tiles, batch, False, False)
    evaluation = run_evaluation(data, restore, protocols=protocols, say=complain)
    evaluation.save(out)
    print_table(evaluation.summary(), title=f"{len(evaluation.pictures)} pictures")
    if evaluation.infinite:
        say(f"{evaluation.infinite} infinite values, of pictures equal to the clean ones, are left out of the means")
    say(f"tables: {out}")


def _predictor(
    weights: str, device: str, dtype: str, tiles: str, batch: int, self_ensemble: bool, compile: bool
) -> Predictor:
    from .inference.predictor import Predictor
    from .network.weights import load_model

    return Predictor(
        load_model(weights),
        device,
        dtype=dtype,
        tiles=tiles,
        batch=batch,
        self_ensemble=self_ensemble,
        compile=compile,
        notify=complain,
    )


def _numbers(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in metrics.items())


COMMANDS: dict[str, Command] = {
    "demo": demo,
    "predict": predict,
    "train": train,
    "evaluate": evaluate,
    "convert": convert,
    "export": export,
    "bench": bench,
    "info": info,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``nerdrain-derain`` and return its exit code."""
    return program(METHOD, COMMANDS, argv)


if __name__ == "__main__":
    sys.exit(main())
