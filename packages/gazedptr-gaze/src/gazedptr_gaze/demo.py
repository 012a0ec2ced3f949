"""The demo: the bundled network on frames of a rendered driver whom training did not see."""

from __future__ import annotations

import json
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from visioncore.commands.demo import Shown, demo_of
from visioncore.report import figure_grid
from visioncore.weights.loading import bundled_model

from .data.conventions import official_angles
from .data.zones import COARSE_ZONES, coarse_of_fine
from .evaluation.angular import angular_error, mean_direction_error
from .evaluation.baselines import gaze_by_head_pose
from .inference.drawing import draw_arrow
from .inference.landmark_file import LandmarkFile
from .inference.predictor import Predictor
from .inference.records import write_records
from .inference.result import GazeResult
from .method import METHOD, PACKAGE
from .network.model import GazeNetwork

TRUTH = (60, 220, 90)
"""RGB of the arrows that show where the driver truly looks; the predicted ones are those of `GazeResult.drawn`."""


def sample_predictor(model: GazeNetwork, device: torch.device) -> Predictor:
    """Make a predictor for the sample of bench alone, whose camera and landmarks are known."""
    assert METHOD.sample is not None
    with as_file(files(PACKAGE) / "assets" / "samples") as samples:
        known = LandmarkFile(samples / "landmarks.json").of(Path(METHOD.sample.path))
        return Predictor(model, device, camera=samples / "camera.json", faces=lambda image: known)


@demo_of(METHOD)
def demo(out: Path) -> Shown:
    """Predict where the bundled driver looks, write a figure, gaze.csv and report.json, and report the errors.

    The camera and the landmarks are known, so that no face finder is needed. The baselines are the mean direction of
    training images, and a regression from the pose of the head.
    """
    with as_file(files(PACKAGE) / "assets" / "samples") as samples:
        truth, training = (json.loads((samples / f"{name}.json").read_text("utf-8")) for name in ("truth", "training"))
        faces = LandmarkFile(samples / "landmarks.json")
        predictor = Predictor(bundled_model(METHOD), camera=samples / "camera.json", faces=faces)
        results = [predictor(samples / name) for name in truth]
    write_records(
        out / "gaze.csv",
        [record for number, result in enumerate(results) for record in result.records(frame=number)],
    )
    virtual = [result.faces[0].virtual for result in results]
    gaze = np.concatenate([result.gaze for result in results])
    true = np.array([each["gaze"] for each in truth.values()])
    reference = official_angles([camera.gaze(vector) for camera, vector in zip(virtual, true, strict=True)])
    heads = [camera.head(result.faces[0].pose.rotation) for camera, result in zip(virtual, results, strict=True)]
    by_head = gaze_by_head_pose(heads, training["head"], training["gaze"])
    errors = angular_error(gaze, reference)
    error, head_error = float(errors.mean()), float(angular_error(by_head, reference).mean())
    direction_error = mean_direction_error(reference, training["gaze"])
    regions = coarse_of_fine()[[each["zone"] for each in truth.values()]]
    found = [result.region_ids[0] if result.region_ids else -1 for result in results]
    right = int((regions == found).sum())
    figure = out / "demo.png"
    _draw(figure, results, true, errors, regions)
    return Shown(
        headline=(
            f"mean error {error:.1f} degrees over {len(results)} frames of an unseen driver (head pose alone "
            f"{head_error:.1f}, constant direction {direction_error:.1f}); region of the car right in {right}"
        ),
        measured={
            "angular_error": error,
            "angular_error_head_pose": head_error,
            "angular_error_mean_direction": direction_error,
            "gain_over_head_pose": head_error - error,
            "gain_over_mean_direction": direction_error - error,
            "regions_right": right,
            "frames": len(results),
        },
        figure=figure,
    )


def _draw(
    path: Path,
    results: list[GazeResult],
    true: NDArray[np.float64],
    errors: NDArray[np.float64],
    regions: NDArray[np.int64],
) -> None:
    """Write a figure of all frames, with the arrows of the true and of the predicted gaze."""
    panels = []
    for result, vector, error, region in zip(results, true, errors, regions, strict=True):
        image = result.drawn()
        draw_arrow(image, result.faces[0], vector, TRUTH)
        panels.append((f"{COARSE_ZONES[region]}, {error:.1f} degrees off", image))
    figure_grid(
        panels, path, columns=4, title="where the driver looks, and how far off: true in green, predicted in red"
    )
