"""The commands of ``hsam-medseg``."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from visioncore.cli import Command, Positional, complain, say
from visioncore.commands.options import Device, Dtype, Dtypes, Rounds
from visioncore.commands.shared import Figures, Folder, convert_published, program, shared_commands
from visioncore.files import writable_folder

from .method import METHOD

if TYPE_CHECKING:
    from visioncore.inference.batch import Summary

    from .inference.predictor import Predictor

Weights = Annotated[str, tyro.conf.arg(help="demo, a folder, a hub id, or an adapter of the authors (with --sam)")]
Sam = Annotated[str, tyro.conf.arg(help="SAM's own checkpoint, which an adapter of the authors needs beside it")]
Stage = Literal["fused", "fine", "coarse"]

demo, _, export, _, info = shared_commands(METHOD)


def predict(
    inputs: Positional[tuple[str, ...]],
    weights: Weights,
    out: Path,
    sam: Sam = "",
    device: str = "auto",
    dtype: Dtype = "float32",
    batch: int = 8,
    stage: Stage = "fused",
    window: str = "",
    input_size: int = 0,
    series: str = "",
    probabilities: bool = False,
    preview: bool = True,
    dicom_seg: bool = False,
    overwrite: bool = False,
) -> Summary:
    """Segment scans: NIfTI in, NIfTI out, in the geometry of the scan.

    Files, folders and glob patterns are taken: NIfTI, DICOM series, npy, npz and h5 files, folders of pictures. What is
    done already is skipped, a broken scan is reported and the others still run, and under accelerate launch the
    processes share the scans.

    Args:
        inputs: scans: files, folders, glob patterns.
        weights: demo, a folder, a hub id, or an adapter of the authors (with sam).
        out: folder for the results: labels, volumes of the organs as JSON, and what is asked for besides.
        sam: SAM's own checkpoint, which an adapter of the authors needs beside it.
        device: auto, cpu, cuda, cuda:1, mps.
        dtype: bfloat16 and float16 are faster and a little less exact.
        batch: slices on the device at a time.
        stage: whose logits decide: the mean of both decoders', the second one's, or the first one's.
        window: abdomen, lung, brain, mr, range, unit, or LOW,HIGH (--window=-125,275); by default as the weights.
        input_size: side in pixels to which slices are resized first; 0 for what the weights expect.
        series: which series to read from DICOM folders of several.
        probabilities: write those of all classes too.
        preview: write a figure of three planes too.
        dicom_seg: write DICOM-SEG too, for DICOM scans.
        overwrite: make results anew that are there already.
    """
    from .inference.predictor import predict_files

    predictor = _predictor(weights, sam, device, dtype, batch, stage, window, input_size)
    summary = predict_files(
        inputs,
        predictor,
        out,
        probabilities=probabilities,
        preview=preview,
        dicom_seg=dicom_seg,
        series=series or None,
        overwrite=overwrite,
        say=complain,
    )
    say(f"{summary}; results in {out}")
    return summary


def prepare(
    data: Path,
    out: Path,
    label_map: str,
    window: str = "abdomen",
    orientation: str = "LPS",
    foreground: bool = False,
    cases: tuple[str, ...] = (),
    seed: int = 0,
) -> Summary:
    """Cut scans with labels into slices to train on; an interrupted call is taken up again.

    Args:
        data: a folder with images and labels, a CSV list of image,label, or the folder of Synapse, LA or PROMISE12.
        out: folder for the slices.
        label_map: what label values mean: synapse, totalsegmentator, la, promise12, or a YAML file with classes.
        window: abdomen, lung, brain, mr, range, unit, or LOW,HIGH (--window=-125,275).
        orientation: axes that scans are brought to first, such as LPS; stored leaves them.
        foreground: leave out slices without any class, as published for LA and PROMISE12.
        cases: only some: their names, la-train or another published list, how many, or which part (0.1); drawn by seed.
        seed: decides which cases are drawn.
    """
    from .data.label_map import read_label_map
    from .data.prepare import Preparation
    from .data.prepare import prepare as run_preparation

    preparation = Preparation(read_label_map(label_map), window, orientation, foreground)
    summary = run_preparation(data, out, preparation, cases=_wanted(cases), seed=seed, say=complain)
    say(f"{summary}; slices of {len(summary.done) + len(summary.skipped)} cases in {out}")
    return summary


def train(
    recipe: str,
    out: Path,
    overrides: Mapping[str, str],
    data: str = "",
    sam: str = "",
    resume: bool = True,
) -> int:
    """Train a network by a recipe; the same call goes on with a run that was interrupted.

    Args:
        recipe: a shipped recipe (synapse, synapse-10, la, promise12, demo) or a YAML file.
        out: folder of the run; out/last holds the weights, out/best those that validated best.
        data: a folder that prepare wrote, or the official Synapse folder; none for synthetic volumes.
        sam: SAM's own checkpoint of the recipe's backbone, to start from; none for an encoder that is trained itself.
        resume: go on from the newest checkpoint in out; otherwise an earlier run in out is removed.
    """
    from visioncore.training import TrainingDiverged

    from .training.trainer import train as run_training

    try:
        result = run_training(
            recipe, data or None, out, sam=sam or None, overrides=overrides, resume=resume, say=complain
        )
    except TrainingDiverged as error:
        complain(f"error: {error}")
        return 1
    best = ", ".join(f"{name} {value:.4f}" for name, value in result.best_metrics.items())
    found = f", best {best}; weights in {out / 'best'}" if best else f"; weights in {out / 'last'}"
    say(f"{result.steps} steps{found}")
    return 0


def evaluate(
    data: Path,
    weights: str,
    out: Path = Path("out/evaluation"),
    protocols: tuple[Literal["synapse", "sound"], ...] = ("synapse", "sound"),
    label_map: str = "",
    cases: tuple[str, ...] = (),
    sam: Sam = "",
    device: str = "auto",
    dtype: Dtype = "float32",
    batch: int = 8,
    stage: Stage = "fused",
    window: str = "",
    input_size: int = 0,
) -> None:
    """Measure segmentations against reference labels by named protocols and write the tables.

    Args:
        data: scans with labels: as for prepare, or a folder that it wrote.
        weights: segment the scans with these: demo, a folder, a hub id, or an adapter of the authors (with sam); or a
            folder of label files that were made before, by whatever method, named as the cases.
        out: folder for per_case.csv, summary.md and report.json.
        protocols: synapse is the papers'; sound counts missing organs as such and measures in millimetres.
        label_map: what values of reference labels mean: synapse, totalsegmentator, la, promise12, or a YAML file; by
            default they are numbered as the network's classes.
        cases: only some: their names, or synapse-test or another published list.
        sam: SAM's own checkpoint, which an adapter of the authors needs beside it.
        device: auto, cpu, cuda, cuda:1, mps.
        dtype: bfloat16 and float16 are faster and a little less exact.
        batch: slices on the device at a time.
        stage: whose logits decide: the mean of both decoders', the second one's, or the first one's.
        window: abdomen, lung, brain, mr, range, unit, or LOW,HIGH (--window=-125,275); by default as the weights.
        input_size: side in pixels to which slices are resized first; 0 for what the weights expect.
    """
    from visioncore.report import print_table

    from .data.label_map import read_label_map
    from .evaluation.protocols import evaluate as run_evaluation

    writable_folder(out)
    labels = read_label_map(label_map) if label_map else None
    made = Path(weights).is_dir() and not (Path(weights) / "config.json").exists()
    segment = weights if made else _predictor(weights, sam, device, dtype, batch, stage, window, input_size)
    evaluation = run_evaluation(data, segment, protocols=protocols, labels=labels, cases=_wanted(cases), say=complain)
    evaluation.save(out)
    print_table(evaluation.overview(), title=f"{len(evaluation.cases)} cases")
    say(f"tables: {out}")


def convert(
    published: Positional[Path],
    out: Folder,
    sam: Path,
    label_map: str = "",
    window: str = "abdomen",
    orientation: str = "stored",
    input_size: int = 224,
) -> None:
    """Turn an adapter of the authors and SAM's file into config.json and model.safetensors.

    Args:
        published: the .pth file; backbone, rank, classes and size are found from its tensors.
        sam: SAM's own checkpoint of the same backbone; info tells which.
        label_map: what its classes are called: la, promise12, or a YAML file; eight are those of Synapse by default.
        window: intensities that it was trained on, as for prepare; the default is the authors' for Synapse.
        orientation: axes that it was trained on, such as LPS; the default is the authors'.
        input_size: side in pixels to which slices are resized first, 0 for none; the default is the authors'.
    """
    from .data.intensity_windows import parse_window
    from .data.label_map import read_label_map
    from .network.config import Preprocessing

    parse_window(window)
    preprocessing = Preprocessing(window, orientation, input_size or None)
    classes = read_label_map(label_map).classes if label_map else None
    convert_published(METHOD, published, out, sam=sam, classes=classes, preprocessing=preprocessing)


def bench(
    weights: str = "vit_b-512",
    out: Figures = Path("out/bench.json"),
    dtypes: Dtypes = ("float32", "bfloat16"),
    device: Device = "auto",
    rounds: Rounds = 3,
    batch: int = 8,
    slices: int = 8,
    training: bool = False,
    sam: Sam = "",
) -> None:
    """Measure time and memory of the reference and the fast path, in turns, and write them as JSON.

    Args:
        weights: a backbone and a size such as vit_b-512 (random weights), or anything that predict takes.
        batch: slices on the device at a time where a volume is segmented.
        slices: how many 512x512 slices that volume has.
        training: measure a training step too, with and without recomputation.
    """
    from visioncore.report import print_table

    from .evaluation.speed import bench as run_bench

    table = run_bench(
        weights,
        out,
        dtypes=dtypes,
        device=device,
        rounds=rounds,
        batch=batch,
        slices=slices,
        training=training,
        sam=sam,
        say=complain,
    )
    print_table(table)
    say(f"figures: {out}")


def _predictor(
    weights: str, sam: str, device: str, dtype: str, batch: int, stage: Stage, window: str, input_size: int
) -> Predictor:
    from .inference.predictor import Predictor
    from .network.weights import load_model

    return Predictor(
        load_model(weights, sam=sam or None),
        device,
        dtype=dtype,
        batch=batch,
        stage=stage,
        input_size=input_size or None,
        window=window or None,
        notify=complain,
    )


def _wanted(cases: Sequence[str]) -> str | Sequence[str] | int | float | None:
    """Return which cases are meant: all, how many, which part of them, a list by its name, or names."""
    one = cases[0] if len(cases) == 1 else ""
    # 0001 is a name.
    if re.fullmatch(r"[1-9]\d*", one):
        return int(one)
    if re.fullmatch(r"0?\.\d+", one):
        return float(one)
    return one or cases or None


COMMANDS: dict[str, Command] = {
    "demo": demo,
    "predict": predict,
    "prepare": prepare,
    "train": train,
    "evaluate": evaluate,
    "convert": convert,
    "export": export,
    "bench": bench,
    "info": info,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``hsam-medseg`` and return its exit code."""
    return program(METHOD, COMMANDS, argv)


if __name__ == "__main__":
    sys.exit(main())
