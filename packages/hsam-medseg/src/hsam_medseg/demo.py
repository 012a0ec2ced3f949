"""The demo: the bundled network on a volume that training did not see, beside a baseline without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
from .data.synthetic import SYNTHETIC_CLASSES, synthetic_slices
from .evaluation.atlas import Atlas
from .inference.predictor import Predictor
from .inference.preview import overlay
from .method import METHOD, PACKAGE

if TYPE_CHECKING:
    from visioncore.medical import Volume

SAMPLE = "patient.nii.gz"
SHOWN = (0.3, 0.5, 0.7)
"""Which slices the figure shows, as parts of the volume."""
ATLAS_VOLUMES, ATLAS_SHARE = 20, 0.3
"""Of what the baseline learns: 144 slices, after which it no longer grows better."""


@demo_of(METHOD)
def demo(out: Path) -> Shown:
    """Segment the bundled volume with the bundled weights, write figure, labels and report.json, and report the Dice.

    The baseline is what place and brightness alone tell, see `Atlas`; the first decoder alone is in the report too.
    """
    model = bundled_model(METHOD)
    with as_file(files(PACKAGE) / "assets" / "samples") as samples:
        scan, reference = read_case(Case(SAMPLE, samples / "input" / SAMPLE, samples / "target" / SAMPLE))
    assert reference is not None
    alone, both = (Predictor(model, stage=stage)(scan) for stage in ("coarse", "fused"))
    both.save(out)
    slices = synthetic_slices(range(ATLAS_VOLUMES), ATLAS_SHARE, shape=scan.voxels.shape)
    atlas = Atlas.of(slices, 1 + len(SYNTHETIC_CLASSES))
    placed = replace(reference, voxels=atlas.segment(apply_window(scan.voxels, "unit")))
    plain, before, after = (_dice(found, reference, len(both.classes)) for found in (placed, alone.labels, both.labels))
    figure = out / "demo.png"
    _draw(figure, scan, [("reference", reference), ("place and brightness alone", placed), ("H-SAM", both.labels)])
    means = [float(np.mean(values)) for values in (plain, before, after)]
    gain, refined = (means[2] - mean for mean in means[:2])
    organs = {f"dice_{organ}": dice for organ, dice in zip(both.classes, after, strict=True)}
    return Shown(
        headline=(
            f"mean Dice {means[2]:.3f} on an unseen volume ({gain:+.3f} over place and brightness alone, "
            f"{refined:+.3f} over the first decoder)"
        ),
        measured={
            "dice": means[2],
            "dice_atlas": means[0],
            "dice_first_decoder": means[1],
            "gain_over_atlas": gain,
            "gain_over_first_decoder": refined,
            **organs,
            **{f"{name}_atlas": dice for name, dice in zip(organs, plain, strict=True)},
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
