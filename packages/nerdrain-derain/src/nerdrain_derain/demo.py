"""The demo: the bundled network and simple filters on photos in the rain."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from visioncore.commands.demo import Shown, demo_of
from visioncore.images import eight_bit, read_image
from visioncore.report import figure_grid
from visioncore.weights.loading import bundled_model

from .data.pairs import find_pairs
from .evaluation.baselines import FILTERS, best_filter
from .evaluation.protocols import PROTOCOLS, evaluate
from .inference.predictor import Predictor
from .method import METHOD, PACKAGE


@demo_of(METHOD)
def demo(out: Path) -> Shown:
    """Restore the bundled photos with the bundled weights, write a figure and report.json, and report the gain."""
    predictor = Predictor(bundled_model(METHOD))
    with as_file(files(PACKAGE) / "assets" / "samples") as samples:
        images = [(predictor(rainy), read_image(clean)) for rainy, clean in find_pairs(samples)]
        for prediction, _ in images:
            prediction.save(out / "restored")
        means = evaluate(samples, out / "restored", protocols=PROTOCOLS[:1]).means()
    name, best = best_filter((prediction.rainy, clean) for prediction, clean in images)
    panels = []
    for prediction, clean in images:
        filtered = FILTERS[name](eight_bit(prediction.rainy.pixels))
        panels += [("rainy", prediction.rainy.pixels), (f"best filter: {name}", filtered)]
        panels += [("restored", prediction.pixels), ("truth", clean.pixels)]
    figure = out / "demo.png"
    figure_grid(panels, figure, columns=4)
    before, after = means["psnr_y_A_rainy"], means["psnr_y_A"]
    return Shown(
        headline=(
            f"PSNR-Y {before:.2f} dB in the rain, {after:.2f} dB restored ({after - before:+.2f} dB; "
            f"{after - best:+.2f} dB over the best plain filter, {name})"
        ),
        measured={
            "psnr_y_A_rainy": before,
            "psnr_y_A_best_filter": best,
            "psnr_y_A_restored": after,
            "gain_over_rainy": after - before,
            "gain_over_best_filter": after - best,
            "ssim_y_A_rainy": means["ssim_y_A_rainy"],
            "ssim_y_A_restored": means["ssim_y_A"],
        },
        figure=figure,
    )
