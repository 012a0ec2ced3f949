"""The commands of ``brighter-photo``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from visioncore.cli import Command, Positional, complain, run, say

from .method import METHOD


def demo(out: Path = Path("out/brighter-photo")) -> None:
    """Make the bundled dim photo bright and measure the gain."""
    from .demo import demo as run_demo

    say(run_demo(out).headline)
    say(f"figure and report: {out}")


def predict(inputs: Positional[tuple[str, ...]], weights: str, out: Path, device: str = "auto") -> int:
    """Make photos bright: files, folders, glob patterns.

    Args:
        inputs: photos: files, folders, glob patterns.
        weights: demo, a folder, a hub id, or a checkpoint of the authors.
        out: folder for the results.
        device: auto, cpu, cuda, cuda:1, mps.
    """
    from .inference.predictor import Predictor, predict_files
    from .network.weights import load_model

    summary = predict_files(inputs, Predictor(load_model(weights), device), out, say=complain)
    say(f"{summary}; results in {out}")
    return summary.exit_code


def train(recipe: str, out: Path, overrides: Mapping[str, str], data: str = "") -> None:
    """Train a network by a recipe; the same call resumes an interrupted run.

    Args:
        recipe: a shipped recipe (demo) or a YAML file.
        out: folder of the run; out/last holds the weights.
        data: a folder of bright photos; without it synthetic ones are made.
    """
    from .training.trainer import train as run_training

    result = run_training(recipe, data or None, out, overrides)
    say(f"{result.steps} steps; weights in {out / 'last'}")


def evaluate(weights: str, data: Path, device: str = "auto") -> None:
    """Measure the gain on the photos in a folder by the paper's protocol.

    Args:
        weights: demo, a folder, a hub id, or a checkpoint of the authors.
        data: a folder of bright photos.
        device: auto, cpu, cuda, cuda:1, mps.
    """
    from .data.photos import read_photos
    from .evaluation.protocols import evaluate as run_evaluation
    from .inference.predictor import Predictor
    from .network.weights import load_model

    for name, value in run_evaluation(read_photos(data), Predictor(load_model(weights), device)).items():
        say(f"{name} {value:.2f} dB")


def convert(published: Positional[Path], out: Path) -> None:
    """Turn a checkpoint of the authors into config.json and model.safetensors.

    Args:
        published: the .pth file.
        out: folder for the result.
    """
    from .network.model import Brighter

    Brighter.from_published(published).save_pretrained(out)
    say(f"weights in {out}")


def bench(out: Path = Path("out/bench.json"), sizes: tuple[int, ...] = (256,), device: str = "auto") -> None:
    """Measure time and memory of the reference and the fast path and write them as JSON.

    Args:
        out: the JSON file.
        sizes: sides of square images.
        device: auto, cpu, cuda, cuda:1, mps.
    """
    from visioncore.report import print_table

    from .evaluation.speed import bench as run_bench

    print_table(run_bench(out, sizes, device))
    say(f"figures: {out}")


def info() -> None:
    """Print parameters, paper, citation, licence, and where the authors publish their weights."""
    from .network.model import Brighter

    say(f"{METHOD.title}: {METHOD.task}")
    say(f"parameters  {sum(p.numel() for p in Brighter().parameters())}")
    say(f"paper       {METHOD.paper}, {METHOD.authors}, {METHOD.venue}")
    say(f"licence     {METHOD.licence}")
    say(f"weights     {METHOD.weights}\n\n{METHOD.citation}")


COMMANDS: dict[str, Command] = {
    "demo": demo,
    "predict": predict,
    "train": train,
    "evaluate": evaluate,
    "convert": convert,
    "bench": bench,
    "info": info,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``brighter-photo`` and return its exit code."""
    return run(METHOD.name, COMMANDS, f"{METHOD.title} ({METHOD.venue}): {METHOD.task}.", argv)


if __name__ == "__main__":
    sys.exit(main())
