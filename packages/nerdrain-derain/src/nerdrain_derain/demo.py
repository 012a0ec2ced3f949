"""The main job on what is bundled: photos in the rain, the small network, and what plain filters make of them."""

from __future__ import annotations

import time
from importlib.resources import as_file, files
from pathlib import Path

from visioncore.files import writable_folder
from visioncore.images import read_image
from visioncore.report import DemoReport, figure_grid

from .baselines import FILTERS, best_filter
from .checkpoint import load_model
from .evaluate import PROTOCOLS, evaluate
from .method import METHOD
from .pairing import find_pairs
from .predict import Predictor, predict_files


def demo(out: str | Path) -> DemoReport:
    """Restore the bundled photos with the bundled weights, write a figure and report.json, and say what was gained.

    Args:
        out: folder for the results.

    Raises:
        InputError: if ``out`` cannot be written.
    """
    start = time.perf_counter()
    folder = writable_folder(out)
    predictor = Predictor(load_model("demo"))
    with as_file(files(__package__) / "assets" / "samples") as samples:
        pairs = [(read_image(rainy), read_image(clean)) for rainy, clean in find_pairs(samples)]
        predict_files([samples / "input"], predictor, folder / "restored", overwrite=True)
        means = evaluate(samples, folder / "restored", protocols=PROTOCOLS[:1]).means()
    restored = sorted((folder / "restored").glob("*.png"))
    name, best = best_filter(pairs)
    panels = []
    for (rainy, clean), path in zip(pairs, restored, strict=True):
        filtered = FILTERS[name](rainy.pixels.astype("uint8"))
        panels += [("rainy", rainy.pixels), (f"best filter: {name}", filtered)]
        panels += [("restored", read_image(path).pixels), ("truth", clean.pixels)]
    figure = folder / "demo.png"
    figure_grid(panels, figure, columns=4)
    before, after = means["psnr_y_A_rainy"], means["psnr_y_A"]
    report = DemoReport(
        method=METHOD.name,
        headline=(
            f"PSNR-Y {before:.2f} dB in the rain, {after:.2f} dB restored ({after - before:+.2f} dB; "
            f"{after - best:+.2f} dB over the best plain filter, {name})"
        ),
        measured={
            "psnr_y_rainy": before,
            "psnr_y_best_filter": best,
            "psnr_y_restored": after,
            "gain_over_rainy": after - before,
            "gain_over_best_filter": after - best,
            "ssim_y_rainy": means["ssim_y_A_rainy"],
            "ssim_y_restored": means["ssim_y_A"],
        },
        figure=figure,
        seconds=time.perf_counter() - start,
    )
    report.save(folder)
    return report
