"""The commands of ``clip-denoising``."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from visioncore.cli import Command, Positional, complain, say
from visioncore.commands.options import Dtype, Weights
from visioncore.commands.shared import Folder, Published, convert_published, program, shared_commands
from visioncore.errors import InputError
from visioncore.files import writable_folder

from .method import METHOD

if TYPE_CHECKING:
    from visioncore.training import FitResult

    from .evaluation.protocols import Denoise
    from .inference.predictor import Predictor
    from .network.model import CLIPDenoiser

demo, _, export, bench, info = shared_commands(METHOD)


def predict(
    inputs: Positional[tuple[str, ...]],
    weights: Weights,
    out: Path,
    strength: float = 1.0,
    tiles: str = "whole",
    self_ensemble: bool = False,
    device: str = "auto",
    dtype: Dtype = "float32",
    batch: int = 8,
    suffix: Literal[".png", ".jpg", ".tif", ".webp", ".bmp"] = ".png",
    series: str = "",
    overwrite: bool = False,
) -> int:
    """Take the noise out of photos, or of CT scans with weights for CT.

    Files, folders and glob patterns are taken. Photos keep depth, grey, alpha and profile. CT is DICOM, NIfTI or npy in
    Hounsfield units, and stays what it is, with its geometry and its rescaling. What is done already is skipped, a
    broken file is reported and the others still run, and under accelerate launch the processes share the files.

    Args:
        inputs: pictures or scans: files, folders, glob patterns.
        weights: demo, a folder, a hub id, or a checkpoint of the authors.
        out: folder for the results.
        strength: from 0 (the noisy picture as it is) to 1 (all that the network takes away).
        tiles: SIZE,OVERLAP such as 512,64 for pictures too large for the memory; changes results a little everywhere.
        self_ensemble: average over eight turned and mirrored versions, at eight times the cost.
        device: auto, cpu, cuda, cuda:1, mps.
        dtype: bfloat16 and float16 are faster and a little less exact.
        batch: CT slices or tiles on the device at a time.
        suffix: format of the pictures; .png and .tif keep everything.
        series: which series of a DICOM folder with several, by its UID.
        overwrite: make results anew that are there already.
    """
    from .inference.predictor import predict_files

    predictor = _predictor(
        weights, device, dtype=dtype, strength=strength, tiles=tiles, self_ensemble=self_ensemble, batch=batch
    )
    summary = predict_files(
        inputs, predictor, out, suffix=suffix, series=series or None, overwrite=overwrite, say=complain
    )
    say(f"{summary}; results in {out}")
    return summary.exit_code


def train(
    recipe: str,
    data: Path,
    out: Path,
    overrides: Mapping[str, str],
    clip: str = "",
    weights: str = "",
    validation: str = "held-out",
    resume: bool = True,
) -> int:
    """Train a network by a recipe; the same call goes on with a run that was interrupted.

    Args:
        recipe: a shipped recipe (synthetic, srgb, ldct, demo) or a YAML file.
        data: clean photos, stored pairs (clean and noisy, or GT and noisy), or CT slices that prepare has made.
        out: folder of the run; out/best holds the weights.
        clip: where the encoder is from: OpenAI's RN50.pt, openai to download it, or what pretrain has made.
        weights: go on from a trained network instead.
        validation: pictures laid out as data; held-out takes a share of data.
        resume: go on from the newest checkpoint in out; otherwise an earlier run in out is removed.
    """
    from .training.trainer import train as run_training

    return _train(
        lambda: run_training(
            recipe,
            data,
            out,
            clip=clip or None,
            weights=weights or None,
            validation=None if validation == "held-out" else Path(validation),
            overrides=overrides,
            resume=resume,
            say=complain,
        )
    )


def pretrain(data: Path, out: Path, overrides: Mapping[str, str], recipe: str = "encoder", resume: bool = True) -> int:
    """Train an encoder on clean photos alone, for networks of other sizes than CLIP's.

    Args:
        data: clean photos.
        out: folder of the run; out/last/model.safetensors is what train takes as --clip.
        recipe: a shipped recipe (encoder) or a YAML file.
        resume: go on from the newest checkpoint in out; otherwise an earlier run in out is removed.
    """
    from .training.pretraining import pretrain as run_pretraining

    return _train(lambda: run_pretraining(data, out, recipe=recipe, overrides=overrides, resume=resume))


def evaluate(
    protocol: Literal["synthetic", "real", "ct"],
    data: Path,
    weights: str = "",
    baseline: bool = False,
    out: Path = Path("out/evaluation"),
    noises: tuple[str, ...] = (),
    patients: tuple[str, ...] = ("L506",),
    tiles: str = "whole",
    self_ensemble: bool = False,
    device: str = "auto",
    dtype: Dtype = "float32",
    batch: int = 1,
) -> None:
    """Measure denoised pictures by a protocol of the paper and write the tables.

    Args:
        protocol: synthetic (clean photos, noise is added), real (pairs of noisy and clean photos), or ct.
        data: clean photos; pairs, or a folder with the published test sets; or CT slices that prepare has made.
        weights: denoise with these: demo, a folder, a hub id, or a checkpoint of the authors.
        baseline: or denoise by non-local means.
        out: folder for per_image.csv, summary.md and report.json.
        noises: kinds and levels such as gaussian:25 poisson:3; by default the eleven of the paper, for CT quarter dose.
        patients: of CT, whose slices; no name for all.
        tiles: SIZE,OVERLAP for pictures too large for the memory; the paper's numbers need whole ones.
        self_ensemble: average over eight turned and mirrored versions.
        device: auto, cpu, cuda, cuda:1, mps.
        dtype: bfloat16 and float16 are faster and a little less exact.
        batch: pictures of one size on the device at a time.
    """
    from visioncore.report import print_table

    from .data.noise import parse_noise
    from .evaluation.protocols import evaluate as run_evaluation

    if bool(weights) == baseline:
        raise InputError("evaluate: give either --weights or --baseline")
    writable_folder(out)
    chosen = [parse_noise(noise) for noise in noises]
    denoise: Denoise
    if baseline:
        from .evaluation.baselines import non_local_means as denoise

        by = "non-local means"
    else:
        predictor = _predictor(weights, device, dtype=dtype, tiles=tiles, self_ensemble=self_ensemble, batch=batch)
        denoise, by = predictor.denoise, f"{weights}, tiles {tiles}, {dtype}{', self-ensemble' * self_ensemble}"
    result = run_evaluation(
        protocol, data, denoise, noises=chosen, patients=patients or None, batch=batch, denoised_by=by
    )
    result.save(out)
    print_table(result.summary(), title=f"{len(result.pictures)} measured, denoised by {by}")
    if result.infinite:
        say(f"{result.infinite} infinite values, of pictures equal to the clean ones, are left out of the means")
    say(f"tables: {out}")


def analyze(
    data: Path,
    weights: Weights,
    out: Path = Path("out/analysis"),
    noises: tuple[str, ...] = (),
    device: str = "auto",
) -> None:
    """Measure how alike the encoder's features of clean and of noisy photos are, level by level.

    Args:
        data: clean photos.
        weights: demo, a folder, a hub id, or a checkpoint of the authors.
        out: folder for similarity.csv, similarity.md and report.json.
        noises: kinds and levels such as gaussian:25 poisson:3; by default the eleven of the paper.
        device: auto, cpu, cuda, cuda:1, mps.
    """
    from visioncore.devices import resolve_device
    from visioncore.report import print_table

    from .data.noise import TABLE, parse_noise
    from .evaluation.feature_similarity import analyze as run_analysis

    writable_folder(out)
    place = resolve_device(device)
    model = _model(weights).to(place)
    if model.config.channels != 3:
        raise InputError(f"{weights}: a network for CT, but photos are analysed; give weights for RGB pictures")
    # to the CPU, for not every device has the precision
    similarity = run_analysis(
        lambda image: [feature.cpu() for feature in model.features(image.to(place))],
        data,
        noises=[parse_noise(noise) for noise in noises] or TABLE,
    )
    similarity.save(out)
    print_table(similarity.table(), title=f"{similarity.cosine.shape[-1]} photos")
    say(f"tables: {out}")


def store(photos: Path, out: Path, noise: str = "camera", curves: str = "", side: int = 0, seed: int = 0) -> int:
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
    return summary.exit_code


def prepare(data: Path, out: Path, thickness: str = "") -> int:
    """Write the slices of CT scans as training and evaluation read them.

    Args:
        data: a folder for each patient, with a scan at full and, named so, one at quarter dose: DICOM, NIfTI or npy.
        out: folder for <patient>_<index>_target.npy and _input.npy.
        thickness: take only scans with this in their name, such as 1mm.
    """
    from .data.prepare import prepare as run_preparation

    summary = run_preparation(data, out, thickness=thickness or None, say=complain)
    say(f"{summary}; slices in {out}")
    return summary.exit_code


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


def _predictor(weights: str, device: str, **options: Any) -> Predictor:
    from .inference.predictor import Predictor

    return Predictor(_model(weights), device, **options, notify=complain)


def _train(run_training: Callable[[], FitResult]) -> int:
    """Train, say what came of it, and return the exit code."""
    from visioncore.training import TrainingDiverged

    try:
        result = run_training()
    except TrainingDiverged as error:
        complain(f"error: {error}")
        return 1
    best = ", ".join(f"{name} {value:.2f}" for name, value in result.best_metrics.items())
    weights = result.folder / ("best" if best else "last")
    say(f"{result.steps} steps{f', best {best}' if best else ''}; weights in {weights}")
    return 0


COMMANDS: dict[str, Command] = {
    "demo": demo,
    "predict": predict,
    "train": train,
    "pretrain": pretrain,
    "evaluate": evaluate,
    "analyze": analyze,
    "store": store,
    "prepare": prepare,
    "convert": convert,
    "export": export,
    "bench": bench,
    "info": info,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``clip-denoising`` and return its exit code."""
    return program(METHOD, COMMANDS, argv)


if __name__ == "__main__":
    sys.exit(main())
