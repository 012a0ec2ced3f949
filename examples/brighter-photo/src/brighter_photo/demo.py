"""The main job on what is bundled."""

from __future__ import annotations

import time
from importlib.resources import as_file, files
from pathlib import Path

from visioncore.files import writable_folder
from visioncore.report import DemoReport

from .data.photos import read_photos
from .evaluation.protocols import evaluate
from .inference.predictor import Predictor
from .method import METHOD, PACKAGE
from .network.weights import load_model


def demo(out: str | Path) -> DemoReport:
    """Make the bundled dim photo bright, write a figure and report.json, and say what was gained.

    Raises:
        InputError: if ``out`` cannot be written.
    """
    start, folder = time.perf_counter(), writable_folder(out)
    predictor, figure = Predictor(load_model("demo")), folder / "demo.png"
    with as_file(files(PACKAGE) / "assets" / "samples") as samples:
        predictor(samples / "input" / "colours.png").plot(figure)
        measured = evaluate(read_photos(samples / "target"), predictor)
    gain = measured["psnr_bright"] - measured["psnr_dim"]
    headline = f"PSNR {measured['psnr_dim']:.1f} dB dim, {measured['psnr_bright']:.1f} dB bright ({gain:+.1f} dB)"
    report = DemoReport(METHOD.name, headline, {**measured, "gain": gain}, figure, time.perf_counter() - start)
    report.save(folder)
    return report
