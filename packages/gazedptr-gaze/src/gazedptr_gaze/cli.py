"""The commands of ``gazedptr-gaze``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Unpack

import tyro

from visioncore.cli import complain, say
from visioncore.commands import options
from visioncore.commands.evaluation import check_one_given
from visioncore.commands.shared import program, shared_commands
from visioncore.commands.training import run_training
from visioncore.errors import InputError
from visioncore.files import writable_folder

from .method import METHOD

if TYPE_CHECKING:
    from visioncore.inference.batch import Summary

    from .data.label_check import LabelCheck

demo, convert, export, bench, info, weights = shared_commands(METHOD)


Camera = Annotated[
    str, tyro.conf.arg(help="its calibration, a YAML or JSON file of OpenCV; without one a focal length is guessed")
]
Faces = Annotated[
    str,
    tyro.conf.arg(
        help="face finder: mesh (extra faces), yunet, face-landmarker, an .onnx or .task file of these, or a .csv or "
        ".json file of landmarks"
    ),
]


FaceBatch = Annotated[int, tyro.conf.arg(help="faces on the device at a time")]


def predict(
    weights: options.Weights,
    out: options.Out,
    inputs: options.Inputs = (),
    live: int = -1,
    frames: int = 0,
    camera: Camera = "",
    faces: Faces = "mesh",
    all_faces: bool = False,
    zone_head: Literal[0, 1, 2, 3] = 0,
    calibration: str = "",
    cabin: str = "",
    stride: int = 1,
    smoothing: float = 0.0,
    annotate: bool = True,
    suffix: Literal[".csv", ".jsonl"] = ".csv",
    overwrite: options.Overwrite = False,
    device: options.Device = "auto",
    dtype: options.Dtype = "float32",
    batch: FaceBatch = 8,
) -> Summary | None:
    """Find the faces in images and videos, and where they look.

    For each input: a table of gazes, head poses and zones; the image or video with the gazes drawn; of a video also a
    plot. What is done already is skipped, and a broken file is reported and the others still run.

    Args:
        inputs: images and videos: files, folders, glob patterns.
        live: in place of inputs, the number of a camera that is connected, from 0.
        frames: stop a live camera after so many; 0 goes on until q or Ctrl-C.
        all_faces: all faces, with ids; else the largest alone.
        zone_head: whose zone counts: 1 image, 2 projected points, 3 both; 0 for what the weights say.
        calibration: of the person, the file that calibrate wrote; gaze vectors are corrected by it.
        cabin: zones of the user's own cabin, a YAML file or what calibrate-zones wrote.
        stride: of videos, every how many frames the network runs.
        smoothing: of gazes in videos, in seconds; 0 for none.
        annotate: write images and videos with the gazes drawn too.
        suffix: kind of table.
    """
    from .inference.files import predict_files
    from .inference.predictor import Predictor
    from .inference.videos import predict_live

    if (live >= 0) == bool(inputs):
        raise InputError("give inputs or --live, not both" if inputs else "inputs: at least one is needed, or --live 0")
    predictor = Predictor(
        weights,
        device,
        dtype=dtype,
        batch=batch,
        camera=camera or None,
        faces=faces,
        all_faces=all_faces,
        zone_head=zone_head or None,
        calibration=calibration or None,
        cabin=cabin or None,
        notify=complain,
    )
    if live >= 0:
        writable_folder(out)
        told = predict_live(live, predictor, out, frames=frames, stride=stride, smoothing=smoothing)
        say(f"records: {told}")
        return None
    summary = predict_files(
        inputs,
        predictor,
        out,
        stride=stride,
        smoothing=smoothing,
        annotate=annotate,
        suffix=suffix,
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
    imagenet: str = "",
    **start: Unpack[options.Training],
) -> int:
    """Train a network by a recipe on two folds of IVGaze, validate it on the third; the same call resumes a run.

    Args:
        recipe: a shipped recipe (gazeptr, gazedptr, gazedptr_v2, demo) or a YAML file.
        out: folder of the run; out/last holds the weights.
        data: the folder of IVGaze, or of data laid out as it; without it a few drivers are rendered, to try it out.
        imagenet: start the trunks from torchvision's ResNet-18, a file or a name of weights list.
    """
    from .training import trainer

    return run_training(trainer.train, recipe, data, out, imagenet=imagenet, overrides=overrides, say=complain, **start)


def evaluate(
    data: Path,
    weights: options.Weights = "",
    results: options.Results = "",
    protocols: tuple[Literal["published", "sound"], ...] = ("published", "sound"),
    folds: tuple[int, ...] = (1, 2, 3),
    out: options.Tables = Path("out/evaluation"),
    device: options.Device = "auto",
    dtype: options.Dtype = "float32",
    batch: options.Batch = 64,
) -> None:
    """Measure angular errors and zones on folds of IVGaze and write the tables.

    {fold} in weights stands for the number of a fold: runs/{fold}/last. Results are log files of the authors' form,
    fold1.log_dir and fold1.log_zone, as an evaluation leaves them beside its tables.

    Args:
        data: the folder of IVGaze, or of data laid out as it.
        protocols: errors and zone AP of the authors' tester (published), exact errors and plain accuracy (sound).
        folds: those that are tested on.
    """
    from visioncore.report import print_table

    from .evaluation.protocols import evaluate as measure

    check_one_given(weights=weights, results=results)
    writable_folder(out)
    made = measure(
        data,
        weights,
        results=results,
        protocols=protocols,
        folds=folds,
        device=device,
        dtype=dtype,
        batch=batch,
        say=complain,
    )
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


RecordFiles = Annotated[
    options.Positional[tuple[Path, ...]], tyro.conf.arg(help="records that predict wrote: .csv or .jsonl files")
]
Driver = Annotated[int, tyro.conf.arg(help="id of the driver's face in the records")]


def calibrate(records: RecordFiles, targets: Path, out: Path = Path("out/bias.json"), face: Driver = 0) -> None:
    """Find the bias of a person's gazes from 5 to 20 points that were looked at.

    The bias is a constant offset in yaw and pitch, in the frame of the camera. Its gain is measured on points left out.

    Args:
        targets: a CSV list with frame (and source) and either x, y, z, the point in mm in the frame of the camera, or
            yaw, pitch, the true angles there in radians. Lines with equal targets are one point.
        out: the JSON file, for predict --calibration.
    """
    from .evaluation.find_bias import COLUMNS, find_bias
    from .inference.labelled_frames import read_labelled_frames
    from .inference.records import read_all_records

    frames = read_labelled_frames(targets, COLUMNS, "a list of targets", read_all_records(records), face)
    bias = find_bias(frames)
    bias.save(out)
    say(f"bias of {bias.points} points, {bias.outliers} of them outliers: {bias}")
    say(f"mean error {bias.error_before:.2f} degrees before, {bias.error_after:.2f} after, on points left out")
    if bias.error_after >= bias.error_before:
        complain("the bias does not help on points left out; are yaw and pitch, frames and targets the right ones?")
    say(f"calibration: {out}")


def calibrate_zones(
    records: RecordFiles = (), labels: str = "", cabin: str = "", out: Path = Path("out/zones.json"), face: Driver = 0
) -> None:
    """Learn the zones of a cabin from labelled frames, or check a file with their geometry.

    The zones are learnt by linear discriminant analysis of gaze vectors and origins, and measured on frames left out.
    Frames of one glance are alike, which flatters that: label frames of several glances at each zone.

    Args:
        labels: a CSV list with frame (and source) and zone, its name or elsewhere.
        cabin: check this YAML file and show its zones: polygons, rectangles, planes in mm in the frame of the camera.
        out: the JSON file of what was learnt, for predict --cabin.
    """
    from visioncore.report import print_table

    from .inference.cabin import read_cabin
    from .inference.labelled_frames import read_labelled_frames
    from .inference.records import read_all_records
    from .inference.zone_classifier import train_zone_classifier

    if bool(cabin) == bool(labels) or bool(labels) != bool(records):
        raise InputError("calibrate-zones: give either --cabin, or records and --labels")
    if cabin:
        print_table(read_cabin(cabin).table(), title=cabin)
        return
    frames = read_labelled_frames(Path(labels), ("zone",), "a list of labelled frames", read_all_records(records), face)
    zones = train_zone_classifier(frames)
    zones.save(out)
    say(f"{len(zones.zones)} zones of {zones.frames} frames; {100 * zones.accuracy:.1f} % right of frames left out")
    say(f"zones: {out}")


def glances(
    records: RecordFiles,
    out: Path = Path("out/glances"),
    road: tuple[str, ...] = (),
    cabin: str = "",
    shortest: float = 0.12,
    bridged: float = 0.3,
    face: Driver = 0,
) -> None:
    """Measure a driver's glances: time for each zone, transitions, eyes off the road; with a report as one HTML file.

    Args:
        out: folder for the tables, glances.png and report.html.
        road: zones that count as eyes on the road; by default both sides of the windshield.
        cabin: zones of the user's own cabin, a YAML file or what calibrate-zones wrote, in place of those in records.
        shortest: seconds that a glance lasts at least; shorter stays count for the glance that follows.
        bridged: seconds without data, such as a blink, that do not break a glance.
    """
    from visioncore.report import print_table, save_figure

    from .evaluation.drive_report import write_drive_report
    from .evaluation.glance_figures import overview
    from .evaluation.glance_tables import dwell_table, save_glances, summary
    from .evaluation.glances import ROAD, GlanceOptions, find_glances
    from .inference.records import read_all_records
    from .inference.zones import read_zones, with_cabin_zones

    how = GlanceOptions(road or ROAD, shortest, bridged, face)
    given = read_all_records(records)
    names: tuple[str, ...] = ()
    if cabin:
        zones = read_zones(cabin)
        given, names = with_cabin_zones(given, zones), zones.names
    drive = find_glances(given, how, names)
    save_glances(drive, out)
    save_figure(overview(drive), out / "glances.png")
    write_drive_report(drive, given, out / "report.html")
    print_table(dwell_table(drive), title="time for each zone")
    measures = summary(drive)
    say(
        f"eyes off the road {measures['eyes_off_road_s']:.1f} s ({measures['eyes_off_road_percent']:.1f} % of all "
        f"glances), at most {measures['longest_off_road_s']:.1f} s at a time; "
        f"no face in {measures['percent_frames_without_face']:.1f} % of frames"
    )
    say(f"tables, figure and report: {out}")


COMMANDS, main = program(
    METHOD,
    demo,
    predict,
    train,
    evaluate,
    check_labels,
    calibrate,
    calibrate_zones,
    glances,
    convert,
    export,
    bench,
    info,
    weights,
)

if __name__ == "__main__":
    sys.exit(main())
