"""The commands of ``csc-pretrain3d``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Unpack

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

    from .inference.predictor import Predictor

demo, convert, _, bench, info, weights = shared_commands(METHOD)

Figure = Annotated[bool, arg(help="draw each scan from above and from behind as well")]
Viewer = Annotated[bool, arg(help="write a page for each scan that can be turned, coloured and clicked")]

IntensityScale = Annotated[float, arg(help="factor on intensities, to the scale of the training data")]


class Running(options.OnDevice, total=False):
    """Arguments of the Predictor."""

    batch: Annotated[int, arg(help="views of a scan on the device at a time"), Default(1)]
    views: Annotated[int, arg(help="rotations of the scan that are averaged"), Default(1)]
    suppressed: Annotated[bool, arg(help="never give a point class 0"), Default(False)]
    intensity_scale: Annotated[
        float, arg(help="factor on intensities, to the scale of the training data"), Default(1.0)
    ]


def predict(
    inputs: options.Inputs,
    weights: options.Weights,
    out: options.Out,
    formats: Annotated[
        tuple[Literal[".label", ".npy", ".ply", ".las", ".laz"], ...], arg(help="of labels; .las and .laz need laspy")
    ] = (".label",),
    figure: Figure = True,
    viewer: Viewer = True,
    overwrite: options.Overwrite = False,
    **running: Unpack[Running],
) -> Summary:
    """Give every point of scans its class.

    What is done already is skipped, and a broken file is reported and the others still run.

    Args:
        inputs: scans (.bin, .pcd.bin, .pcd, .ply, .las, .laz, .npy): files, folders, glob patterns.
    """
    from .inference.files import predict_files

    predictor = _predictor(weights, running)
    summary = predict_files(
        inputs, predictor, out, formats=formats, figure=figure, viewer=viewer, overwrite=overwrite, say=complain
    )
    say(f"{summary}; results in {out}")
    return summary


def features(
    inputs: options.Inputs,
    weights: options.Weights,
    out: options.Out,
    figure: Figure = True,
    viewer: Viewer = True,
    overwrite: options.Overwrite = False,
    device: options.Device = "auto",
    dtype: options.Dtype = "float32",
    intensity_scale: IntensityScale = 1.0,
) -> Summary:
    """Write the features of every point of scans, and the points in colours of their principal components.

    The colours are those of the first scan's components in all scans, so that they can be compared.

    Args:
        inputs: scans, as for predict.
    """
    from .inference.files import features_files
    from .inference.predictor import Predictor

    predictor = Predictor(weights, device, dtype=dtype, intensity_scale=intensity_scale, notify=complain)
    summary = features_files(inputs, predictor, out, figure=figure, viewer=viewer, overwrite=overwrite, say=complain)
    say(f"{summary}; results in {out}")
    return summary


def segments(
    data: Annotated[Path, arg(help="images: nuScenes, SemanticKITTI, KITTI objects, or a folder of your own")],
    out: Annotated[Path, arg(help="folder for the maps, which train takes as --segments; of your own: DATA/segments")],
    method: Annotated[Literal["slic", "sam"], arg(help="sam is Segment Anything")] = "slic",
    sam_weights: Annotated[str, arg(help="its authors' file, such as sam_vit_h_4b8939.pth")] = "",
    number: Annotated[int, arg(help="segments of an image by slic, about; 30 for VoxelNet as published")] = 150,
    split: Annotated[str, arg(help="part of the data; default: train, of KITTI objects and your own all")] = "",
    device: options.Device = "auto",
) -> None:
    """Cut the images of a data set into segments for pre-training; what is there already stays."""
    from visioncore.inference.batch import progress

    from .data.datasets import open_frames
    from .data.segmenters import segmenter_named, write_all

    frames = open_frames(data, split or None, own_segments=False)
    segmenter = segmenter_named(method, weights=sam_weights, number=number, device=device)
    with progress(len(frames), "frames") as advance:
        written = write_all(frames, segmenter, out, advance)
    say(f"{written} maps of {len(frames)} frames made; segments in {out}")


def train(
    recipe: str,
    out: Path,
    overrides: Mapping[str, str],
    data: str = "",
    images: Annotated[
        str, arg(help="weights of the image encoder for pre-training, a file or a name of weights list")
    ] = "",
    segments: Annotated[str, arg(help="folder of segments for pre-training")] = "",
    labels: Annotated[str, arg(help="panoptic of nuScenes, scribbles of SemanticKITTI; default: the usual")] = "",
    **start: Unpack[options.Training],
) -> int:
    """Train a network by a recipe; the same call resumes an interrupted run.

    Args:
        recipe: a shipped recipe (pretrain-minkunet-nuscenes, finetune-nuscenes-1, demo-pretrain, demo, ...) or a YAML
            file; its stage is pretrain, finetune, probe or panoptic.
        out: folder of the run; out/last holds the weights, of a stage with labels out/best too.
        data: nuScenes, SemanticKITTI, KITTI objects, or a folder of your own; without it streets are made up.
    """
    from .training import trainer

    return run_training(
        trainer.train, recipe, data, out, images=images, segments=segments, labels=labels, overrides=overrides, **start
    )


def evaluate(
    data: Path,
    weights: options.Weights = "",
    results: options.Results = "",
    out: options.Tables = Path("out/evaluation"),
    protocols: tuple[Literal["official", "suppressed", "panoptic"], ...] = ("official", "suppressed"),
    split: Annotated[str, arg(help="part of the data; default: val, of a folder of your own all")] = "",
    labels: Annotated[str, arg(help="panoptic of nuScenes, scribbles of SemanticKITTI; default: the usual")] = "",
    **running: Unpack[Running],
) -> None:
    """Measure classified points by the paper's protocol and write the tables.

    Args:
        data: labelled scans: nuScenes, SemanticKITTI, or a folder of your own.
        protocols: official, where class 0 may be answered and counts as a miss, suppressed, where it may not, and
            panoptic, the quality of classes and instances, for a panoptic network.
    """
    from visioncore.report import print_table

    from .evaluation.protocols import evaluate as measure
    from .evaluation.protocols import labelled_frames

    check_one_given(weights=weights, results=results)
    writable_folder(out)
    frames = labelled_frames(data, split, labels)
    evaluation = measure(frames, results or _predictor(weights, running), protocols=protocols)
    evaluation.save(out)
    for name, table in evaluation.tables().items():
        if name != "per_scan":
            print_table(table, title=f"{name}: {len(frames)} scans of {data}, by {evaluation.made_by}")
    say(f"tables: {out}")


def export(
    weights: options.Weights,
    out: Annotated[Path, arg(help="folder for openpcdet.pth")],
    format: Annotated[
        tuple[Literal["openpcdet", "onnx", "pt2"], ...], arg(help="openpcdet: a VoxelNet as a detector's backbone_3d")
    ] = ("openpcdet",),
) -> None:
    """Write a pre-trained VoxelNet for OpenPCDet's detectors."""
    from .network.openpcdet import write_openpcdet
    from .network.weights import load_model

    if unfit := [name for name in format if name != "openpcdet"]:
        raise InputError(
            f"{unfit[0]}: a sparse network computes where points are, which such a file cannot hold; export a VoxelNet "
            "to openpcdet, or run it in PyTorch"
        )
    say(f"backbone_3d for OpenPCDet: {write_openpcdet(load_model(weights), out)}")


def _predictor(weights: str, running: Running) -> Predictor:
    from .inference.predictor import Predictor

    return Predictor(weights, **running, notify=complain)


COMMANDS, main = program(
    METHOD, demo, predict, features, segments, train, evaluate, convert, export, bench, info, weights
)

if __name__ == "__main__":
    sys.exit(main())
