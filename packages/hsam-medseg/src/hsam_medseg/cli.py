"""The commands of ``hsam-medseg``."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Unpack

import tyro

from visioncore.cli import Default, Positional, complain, say
from visioncore.commands import options
from visioncore.commands.evaluation import check_one_given
from visioncore.commands.shared import Figures, Folder, convert_published, program, shared_commands
from visioncore.commands.training import run_training
from visioncore.files import writable_folder

from .method import METHOD

if TYPE_CHECKING:
    from visioncore.inference.batch import Summary

    from .inference.predictor import Predictor

Weights = Annotated[
    str,
    tyro.conf.arg(
        help="demo, a name of weights list, a folder, a hub id, or the authors' adapter (with --sam); {fold} in it "
        "stands for the numbers of all folds that are there"
    ),
]
Sam = Annotated[
    str, tyro.conf.arg(help="SAM's own checkpoint, a file or sam-vit-b; an adapter of the authors needs it beside it")
]
Stage = Annotated[
    Literal["fused", "fine", "coarse"],
    tyro.conf.arg(help="whose logits decide: the mean of both decoders', the second one's, or the first one's"),
]
Window = Annotated[
    str,
    tyro.conf.arg(
        help="abdomen, lung, brain, bone, mr, range, unit, or LOW,HIGH (--window=-125,275); by default as the weights"
    ),
]
InputSize = Annotated[
    int, tyro.conf.arg(help="side in pixels to which slices are resized first; 0 for what the weights expect")
]
Smooth = Annotated[
    float, tyro.conf.arg(help="smooth from slice to slice by a Gaussian of so many slices, such as 0.5; 0 for not")
]
LargestComponent = Annotated[
    bool, tyro.conf.arg(help="keep of every organ its largest connected piece alone (26 neighbours)")
]

Batch = Annotated[
    int | Literal["auto"],
    tyro.conf.arg(help="slices on the device at a time; auto: eight, on a CPU fewer of large ones"),
]

demo, _, export, _, info, weights = shared_commands(METHOD)


class Running(options.Running, total=False):
    """The companion of the weights, and arguments of the Predictor."""

    batch: Annotated[Batch, Default("auto")]
    sam: Annotated[Sam, Default("")]
    stage: Annotated[Stage, Default("fused")]
    window: Annotated[Window, Default("")]
    input_size: Annotated[InputSize, Default(0)]
    largest_component: Annotated[LargestComponent, Default(False)]
    smooth: Annotated[Smooth, Default(0.0)]


Merge = Annotated[
    tuple[str, ...],
    tyro.conf.arg(help='classes that become one, such as "kidney=left kidney+right kidney"; none by default'),
]


def predict(
    inputs: options.Inputs,
    weights: Weights,
    out: Path,
    organs: tuple[str, ...] = (),
    merge: Merge = (),
    channels: bool = False,
    series: str = "",
    probabilities: bool = False,
    preview: bool = True,
    dicom_seg: bool = False,
    rtstruct: bool = False,
    table: Path | None = None,
    skip_damaged: bool = False,
    overwrite: options.Overwrite = False,
    **running: Unpack[Running],
) -> Summary:
    """Segment scans: NIfTI in, NIfTI out, in the geometry of the scan.

    Files, folders and glob patterns are taken: NIfTI, DICOM series, MetaImage, NRRD, npy, npz, h5, folders of images.
    What is done already is skipped, a broken scan is reported and the others still run, and under accelerate launch the
    processes share the scans.

    Args:
        inputs: scans: files, folders, glob patterns.
        out: folder for the results: labels, volumes of the organs as JSON, and what is asked for besides; for one scan
            also a file for its labels.
        organs: only these, under their own labels; all that the network knows by default.
        channels: p_0000.nii.gz, p_0001.nii.gz and p_0002.nii.gz are one scan, as nnU-Net names its channels.
        series: which series to read from DICOM folders of several.
        probabilities: write those of all classes too.
        preview: write a figure of three planes too.
        dicom_seg: write DICOM-SEG too; the scans must be DICOM.
        rtstruct: write contours as an RT structure set too; the scans must be DICOM.
        table: a CSV file for size and mean intensity of every organ of all scans.
        skip_damaged: go on without slices of DICOM series that are damaged; else the scan counts as failed.
    """
    from .inference.predictor import predict_files

    summary = predict_files(
        inputs,
        _predictor(weights, running, organs, merge),
        out,
        probabilities=probabilities,
        preview=preview,
        dicom_seg=dicom_seg,
        rtstruct=rtstruct,
        table=table,
        channels=channels,
        series=series or None,
        skip_damaged=skip_damaged,
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
    """Cut scans with labels into training slices; an interrupted call is resumed.

    Args:
        data: a folder with images and labels, a CSV list of image,label, or the folder of Synapse, LA or PROMISE12.
        out: folder for the slices.
        label_map: what label values mean: synapse, totalsegmentator, la, promise12, or a YAML file with classes.
        window: abdomen, lung, brain, bone, mr, range, unit, or LOW,HIGH (--window=-125,275).
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
    **start: Unpack[options.Training],
) -> int:
    """Train a network by a recipe; the same call resumes an interrupted run.

    Args:
        recipe: a shipped recipe (synapse, synapse-10, la, promise12, small, demo) or a YAML file.
        out: folder of the run; out/last holds the weights, out/best those that validated best.
        data: a folder that prepare wrote, or the published Synapse folder; none for synthetic volumes.
        sam: SAM's own checkpoint of the recipe's backbone, a file or sam-vit-b, to start from; none for an encoder that
            is trained itself.
    """
    from .training import trainer

    return run_training(trainer.train, recipe, data, out, sam=sam, overrides=overrides, say=complain, **start)


def evaluate(
    data: Path,
    weights: Weights = "",
    results: options.Results = "",
    out: options.Tables = Path("out/evaluation"),
    protocols: tuple[Literal["synapse", "sound"], ...] = ("synapse", "sound"),
    label_map: str = "",
    cases: tuple[str, ...] = (),
    tolerance: tuple[str, ...] = ("3",),
    merge: Merge = (),
    **running: Unpack[Running],
) -> None:
    """Measure segmentations against reference labels by named protocols and write the tables.

    Args:
        data: scans with labels: as for prepare, or a folder that it wrote.
        protocols: synapse is the papers'; sound counts missing organs as such and measures in millimetres.
        label_map: what values of reference labels mean: synapse, totalsegmentator, la, promise12, or a YAML file; by
            default what their files call them, or their places among the classes.
        cases: only some: their names, or synapse-test or another published list.
        tolerance: of the surface Dice in mm; organs may have their own: 3 aorta=2.
    """
    from visioncore.report import print_table

    from .data.label_map import read_label_map
    from .evaluation.protocols import evaluate as measure
    from .evaluation.tolerances import parse_tolerances

    check_one_given(weights=weights, results=results)
    writable_folder(out)
    labels = read_label_map(label_map) if label_map else None
    general, own = parse_tolerances(tolerance)
    segment = results or _predictor(weights, running)
    evaluation = measure(
        data,
        segment,
        protocols=protocols,
        labels=labels,
        cases=_wanted(cases),
        tolerance=general,
        organ_tolerances=own,
        merge=merge,
        say=complain,
    )
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
    dtypes: options.Dtypes = ("float32", "bfloat16"),
    device: options.Device = "auto",
    rounds: options.Rounds = 3,
    batch: int = 8,
    slices: int = 8,
    training: bool = False,
    sam: Sam = "",
) -> None:
    """Measure the reference and the fast path, in turns, and start-up, reading and writing; write them as JSON.

    Args:
        weights: a backbone and a size such as vit_b-512 (random weights), or anything that predict takes.
        batch: slices on the device at a time where a volume is segmented.
        slices: how many 512x512 slices that volume has.
        training: measure a training step too, with and without recomputation.
    """
    from visioncore.report import print_table

    from .evaluation.speed import bench as run_bench

    tables = run_bench(
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
    for table in filter(None, tables):
        print_table(table)
    say(f"figures: {out}")


def _predictor(weights: str, running: Running, organs: Sequence[str] = (), merge: Sequence[str] = ()) -> Predictor:
    from .inference.predictor import Predictor
    from .network.weights import load_members

    settings: dict[str, Any] = {**running}
    model = load_members(weights, sam=settings.pop("sam", "") or None)
    for unsaid in ("window", "input_size"):
        settings[unsaid] = settings.get(unsaid) or None
    return Predictor(model, organs=organs, merge=merge, **settings, notify=complain)


def _wanted(cases: Sequence[str]) -> str | Sequence[str] | int | float | None:
    """Parse a choice of cases: all, a number, a fraction, a published list by name, or case names."""
    one = cases[0] if len(cases) == 1 else ""
    # 0001 is a name.
    if re.fullmatch(r"[1-9]\d*", one):
        return int(one)
    if re.fullmatch(r"0?\.\d+", one):
        return float(one)
    return one or cases or None


COMMANDS, main = program(METHOD, demo, predict, prepare, train, evaluate, convert, export, bench, info, weights)

if __name__ == "__main__":
    sys.exit(main())
