"""The demo: bundled networks on streets that none of them has seen, with and without pre-training."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.commands.demo import Shown, demo_of
from visioncore.report import new_figure, save_figure
from visioncore.weights.loading import bundled_model

from .data.classes import NUSCENES
from .data.formats import read_labels, read_scan
from .data.frame import Scan
from .data.made_frames import MadeFrames
from .evaluation.protocols import evaluate
from .inference.predictor import Predictor
from .inference.rendering import render, seen_from_behind
from .method import METHOD, PACKAGE

FIRST, STREETS = 20_000, 16
"""Seeds of the streets that are measured, far from those of training."""
BUNDLED = {
    "random start": "demo-random",
    "contrast alone": "demo-contrastive",
    "contrast and prototypes": "demo",
}
"""How the bundled networks began, and their folders; all were fine-tuned alike, on the labels of two streets."""
_HEIGHT, _WIDTH = 540, 960


@demo_of(METHOD)
def demo(out: Path) -> Shown:
    """Classify the points of unseen streets, write a figure, street.label and report.json, and report the gain."""
    streets = MadeFrames(range(FIRST, FIRST + STREETS), cameras=False)
    predictors = {name: Predictor(bundled_model(METHOD, folder)) for name, folder in BUNDLED.items()}
    measured = {name: evaluate(streets, each, protocols=("suppressed",)).means() for name, each in predictors.items()}
    random, contrast, both = (100 * means["miou_present_suppressed"] for means in measured.values())
    with as_file(files(PACKAGE) / "assets" / "samples") as samples:
        scan = read_scan(samples / "street.bin")
        raw = read_labels(samples / "street.label", len(scan))
    shown = {"reference": NUSCENES.classes_of(raw.ids, "street.label")}
    for name, predictor in predictors.items():
        result = predictor(scan)
        assert result.labels is not None
        shown[name] = result.labels
    result.save(out / "street.label")
    figure = out / "demo.png"
    _draw(scan, shown, figure)
    return Shown(
        headline=(
            f"mean IoU {both:.1f} % over {STREETS} unseen streets after two labelled ones "
            f"(random start {random:.1f} %, contrast alone {contrast:.1f} %)"
        ),
        measured={
            "miou_percent": both,
            "miou_contrast_alone_percent": contrast,
            "miou_random_start_percent": random,
            "gain_over_random_start": both - random,
            "gain_over_contrast_alone": both - contrast,
            "streets": STREETS,
        },
        figure=figure,
    )


def _draw(scan: Scan, labels: dict[str, NDArray[np.int64]], path: Path) -> None:
    """Draw a scan from behind the sensor, once with each of several labels."""
    figure = new_figure(12, 7.2)
    view = seen_from_behind(scan.points, _HEIGHT, _WIDTH)
    for place, (name, classes) in enumerate(labels.items(), start=1):
        axis = figure.add_subplot(2, 2, place)
        axis.imshow(render(view, NUSCENES.colours[classes], _HEIGHT, _WIDTH))
        axis.set(xticks=[], yticks=[], title=name)
    figure.tight_layout()
    save_figure(figure, path)
