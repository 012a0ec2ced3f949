"""The commands of ``clip-denoising``."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Unpack

import tyro

from visioncore.cli import Default, complain, say
from visioncore.commands import options
from visioncore.commands.evaluation import check_one_given, show_evaluation
from visioncore.commands.shared import Folder, Published, convert_published, program, shared_commands
from visioncore.commands.training import run_training
from visioncore.errors import InputError
from visioncore.files import writable_folder

from .method import METHOD

if TYPE_CHECKING:
    from visioncore.inference.batch import Summary

    from .inference.predictor import Predictor
    from .network.model import CLIPDenoiser

demo, _, export, bench, info, weights = shared_commands(METHOD)

Tiles = Annotated[
    str,
    tyro.conf.arg(
        help="auto: whole, or few tiles where memory asks for them; whole; SIZE,OVERLAP such as 512,64; tiles change "
        "results a little"
    ),
]


class Running(options.Running, total=False):
    """Arguments of the Predictor."""

    tiles: Annotated[Tiles, Default("auto")]
    batch: Annotated[options.Batch, Default(8)]


def predict(
    inputs: options.Inputs,
    weights: options.Weights,
    out: options.Out,
    strength: float = 1.0,
    suffix: options.Suffix = ".png",
    compression: options.PngCompression = "fast",
    series: str = "",
    skip_damaged: bool = False,
    baseline: Literal["none", "nlm"] = "none",
    overwrite: options.Overwrite = False,
    **running: Unpack[Running],
) -> Summary:
    """Denoise photos, or CT scans with weights for CT.

    Files, folders and glob patterns are taken. Photos keep depth, grey, alpha and profile. CT is DICOM, NIfTI,
    MetaImage, NRRD or npy in Hounsfield units, and stays what it is, with its geometry and its rescaling. What is done
    already is skipped, a broken file is reported and the others still run, and under accelerate launch the processes
    share the files.

    Args:
        inputs: images or scans: files, folders, glob patterns.
        strength: from 0 (the noisy image as it is) to 1 (all that the network takes away).
        series: which series of a DICOM folder with several, by its UID.
        skip_damaged: go on without slices of DICOM series that are damaged; else the scan counts as failed.
        baseline: nlm denoises photos by blind non-local means too, into the folder nlm beside the results.
    """
    from .inference.predictor import predict_files

    predictor = _predictor(weights, running, strength)
    summary = predict_files(
        inputs,
        predictor,
        out,
        suffix=suffix,
        compression=compression,
        series=series or None,
        skip_damaged=skip_damaged,
        baseline=baseline == "nlm",
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
    clip: str = "",
    **start: Unpack[options.Training],
) -> int:
    """Train a network by a recipe; the same call resumes an interrupted run.

    Args:
        recipe: a shipped recipe (synthetic, srgb, ldct, demo) or a YAML file.
        data: clean photos, stored pairs (clean and noisy, or GT and noisy), or CT slices that prepare has made.
        out: folder of the run; out/best holds the weights.
        clip: where the encoder is from: clip-rn50 (see weights), OpenAI's RN50.pt, openai, or what pretrain has made;
            for model.encoder lite0 that name.
    """
    from .training import trainer

    return run_training(trainer.train, recipe, data, out, clip=clip, overrides=overrides, say=complain, **start)


def pretrain(
    data: Path, out: Path, overrides: Mapping[str, str], recipe: str = "encoder", resume: options.Resume = True
) -> int:
    """Train an encoder on clean photos alone, for networks of other sizes than CLIP's.

    Args:
        data: clean photos.
        out: folder of the run; out/last/model.safetensors is what train takes as --clip.
        recipe: a shipped recipe (encoder) or a YAML file.
    """
    from .training import pretraining

    return run_training(pretraining.pretrain, data, out, recipe=recipe, overrides=overrides, resume=resume)


def evaluate(
    data: Path,
    weights: options.Weights = "",
    results: options.Results = "",
    baseline: bool = False,
    out: options.Tables = Path("out/evaluation"),
    protocols: tuple[Literal["synthetic", "real", "ct"], ...] = (),
    noises: tuple[str, ...] = (),
    patients: tuple[str, ...] = ("L506",),
    **running: Unpack[Running],
) -> None:
    """Measure denoised images by the protocols of the paper and write the tables.

    The paper's numbers need whole images. Results of other tools for noise that is added lie in a folder for each noise
    (gaussian-25), and are made of images with the same noise.

    Args:
        data: clean photos; pairs, or a folder with the published test sets; or CT slices that prepare has made.
        baseline: or denoise by non-local means.
        protocols: synthetic (clean photos, noise is added), real (pairs of noisy and clean photos), ct; by default
            those that suit the data.
        noises: kinds and levels such as gaussian:25 poisson:3; by default the eleven of the paper, for CT quarter dose.
        patients: of CT, whose slices; no name for all.
    """
    from .data.noise import parse_noise
    from .evaluation.protocols import Denoise
    from .evaluation.protocols import evaluate as measure

    check_one_given(weights=weights, results=results, baseline=baseline)
    writable_folder(out)
    chosen = [parse_noise(noise) for noise in noises]
    denoise: Denoise
    note = ""
    if baseline:
        from .inference.non_local_means import non_local_means as denoise

        by = "non-local means"
    elif results:
        denoise = by = results
    else:
        predictor = _predictor(weights, running)
        denoise, note = predictor.run, predictor.notice
        how = running.get("tiles", "auto"), running.get("dtype", "float32")
        by = f"{weights}, tiles {how[0]}, {how[1]}{', self-ensemble' * predictor.self_ensemble}"
    evaluation = measure(
        data,
        denoise,
        protocols=protocols,
        noises=chosen,
        patients=patients or None,
        batch=running.get("batch", 8),
        denoised_by=by,
    )
    show_evaluation(replace(evaluation, note=note), out)


def analyze(
    data: Path,
    weights: options.Weights,
    out: Path = Path("out/analysis"),
    noises: tuple[str, ...] = (),
    device: options.Device = "auto",
) -> None:
    """Measure the similarity of the encoder's features of clean and of noisy photos, level by level.

    Args:
        data: clean photos.
        out: folder for similarity.csv, similarity.md and report.json.
        noises: kinds and levels such as gaussian:25 poisson:3; by default the eleven of the paper.
    """
    from visioncore.devices import resolve_device
    from visioncore.report import print_table

    from .data.noise import TABLE, parse_noise
    from .evaluation.feature_similarity import analyze as run_analysis

    writable_folder(out)
    place = resolve_device(device)
    model = _model(weights).to(place)
    if model.config.channels != 3:
        raise InputError(f"{weights}: a network for CT, but photos are analysed; give weights for RGB images")
    # to the CPU, for not every device has the precision
    similarity = run_analysis(
        lambda image: [feature.cpu() for feature in model.features(image.to(place))],
        data,
        noises=[parse_noise(noise) for noise in noises] or TABLE,
    )
    similarity.save(out)
    print_table(similarity.table(), title=f"{similarity.cosine.shape[-1]} photos")
    say(f"tables: {out}")


def store(photos: Path, out: Path, noise: str = "camera", curves: str = "", side: int = 0, seed: int = 0) -> Summary:
    """Write clean photos and noisy versions of them, for training on stored pairs.

    Args:
        photos: folder of clean photos.
        out: folder in which clean and noisy are made.
        noise: camera (simulated cameras of one noise level), camera-blind (of varying ones), or such as gaussian:25.
        curves: folder of CBDNet's response curves of cameras; without it, made-up smooth ones are used.
        side: cut photos into squares of this side, overlapping by half; 480 as published; 0 keeps them whole.
        seed: of the noise.
    """
    from .data.camera import parse_corruption
    from .data.datasets import find_photos
    from .data.stored_pairs import store_pairs

    made = parse_corruption(noise, curves or None)
    summary = store_pairs(
        find_photos(photos), out, made, seed=seed, side=side or None, step=max(1, side // 2), say=complain
    )
    say(f"{summary}; pairs in {out}")
    return summary


def prepare(data: Path, out: Path, thickness: str = "") -> Summary:
    """Write the slices of CT scans as training and evaluation read them.

    Args:
        data: a folder for each patient, with a scan at full and, named so, one at quarter dose: DICOM, NIfTI or npy.
        out: folder for <patient>_<index>_target.npy and _input.npy.
        thickness: take only scans with this in their name, such as 1mm.
    """
    from .data.prepare import prepare as run_preparation

    summary = run_preparation(data, out, thickness=thickness or None, say=complain)
    say(f"{summary}; slices in {out}")
    return summary


def convert(
    published: Published,
    out: Folder,
    variant: Literal["synthetic", "srgb", "ldct", "unsaid"] = "unsaid",
) -> None:
    """Turn a checkpoint of the authors into config.json and model.safetensors.

    Args:
        published: their net_g_latest.pth; CLIP's own file is not needed.
        variant: which it is, if its folder does not say.
    """
    convert_published(METHOD, published, out, variant=None if variant == "unsaid" else variant)


def _model(weights: str) -> CLIPDenoiser:
    from .network.weights import load_model

    with warnings.catch_warnings(action="ignore"):  # which of the authors' two RGB networks it is: no matter here
        return load_model(weights)


def _predictor(weights: str, running: Running, strength: float = 1.0) -> Predictor:
    from .inference.predictor import Predictor

    return Predictor(_model(weights), **running, strength=strength, notify=complain)


COMMANDS, main = program(
    METHOD, demo, predict, train, pretrain, evaluate, analyze, store, prepare, convert, export, bench, info, weights
)

if __name__ == "__main__":
    sys.exit(main())
