"""The demo: the bundled network on a volume that training did not see, and the gain of its second decoder."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from visioncore.commands.demo import Shown, demo_of
from visioncore.metrics.segmentation import organ_metrics
from visioncore.report import figure_grid
from visioncore.weights.loading import bundled_model

from .data.datasets import Case, read_case
from .data.intensity_windows import apply_window
from .data.organ_colours import organ_colours
from .inference.predictor import Predictor
from .inference.preview import overlay
from .method import METHOD, PACKAGE

if TYPE_CHECKING:
    from visioncore.medical import Volume

SAMPLE = "patient.nii.gz"
SHOWN = (0.3, 0.5, 0.7)
"""Which slices the figure shows, as parts of the volume."""


@demo_of(METHOD)
def demo(out: Path) -> Shown:
    """Segment the bundled volume with the bundled weights, write figure, labels and report.json, and report the Dice.

    The baseline is the first decoder of the same network alone.
    """
    model = bundled_model(METHOD)
    with as_file(files(PACKAGE) / "assets" / "samples") as samples:
        scan, reference = read_case(Case(SAMPLE, samples / "input" / SAMPLE, samples / "target" / SAMPLE))
    assert reference is not None
    alone, both = (Predictor(model, stage=stage)(scan) for stage in ("coarse", "fused"))
    both.save(out)
    before, after = (_dice(found.labels, reference, len(both.classes)) for found in (alone, both))
    figure = out / "demo.png"
    _draw(
        figure, scan, [("reference", reference), ("first decoder alone", alone.labels), ("both decoders", both.labels)]
    )
    means = [float(np.mean(values)) for values in (before, after)]
    organs = {f"dice_{organ}": dice for organ, dice in zip(both.classes, after, strict=True)}
    return Shown(
        headline=(
            f"mean Dice {means[1]:.3f} on an unseen volume ({means[1] - means[0]:+.3f} over the first decoder alone)"
        ),
        measured={
            "dice": means[1],
            "dice_first_decoder": means[0],
            "gain_over_first_decoder": means[1] - means[0],
            **organs,
            **{f"{name}_first_decoder": dice for name, dice in zip(organs, before, strict=True)},
        },
        figure=figure,
    )


def _dice(found: Volume, reference: Volume, classes: int) -> list[float]:
    """Return the Dice of each class."""
    return [float(score.dice) for score in organ_metrics(found.voxels, reference.voxels, classes, "sound")]


def _draw(path: Path, scan: Volume, found: Sequence[tuple[str, Volume]]) -> None:
    """Write a figure of some slices, each with and without its labels."""
    shown = apply_window(scan.voxels, "unit")
    colours = organ_colours(range(1, int(max(labels.voxels.max() for _, labels in found)) + 1))
    panels = []
    for part in SHOWN:
        index = int(part * len(shown))
        panels.append((f"slice {index + 1} of {len(shown)}", shown[index]))
        panels += [(name, overlay(shown[index], labels.voxels[index], colours)) for name, labels in found]
    figure_grid(panels, path, columns=len(found) + 1)
