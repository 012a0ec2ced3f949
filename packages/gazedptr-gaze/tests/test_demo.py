"""The demo: what it writes and measures, on a tiny network, and its sample."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gazedptr_gaze import Predictor, load_model
from gazedptr_gaze.cli import main
from gazedptr_gaze.data.camera import read_camera
from gazedptr_gaze.data.head_pose import head_pose
from gazedptr_gaze.data.synthetic_cabin import ZONE_CENTRES, draw_camera
from gazedptr_gaze.data.zones import FINE_ZONES, coarse_of_fine
from gazedptr_gaze.inference.landmark_file import LandmarkFile
from gazedptr_gaze.inference.records import read_records
from gazedptr_gaze.method import METHOD
from visioncore.images import image_size, read_image
from visioncore.testing.suites.base import run_demo
from visioncore.weights.places import bundled_names

SAMPLES = Path(str(files("gazedptr_gaze") / "assets" / "samples"))


def angle(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the angles in degrees between unit vectors (N, 3)."""
    return np.asarray(np.degrees(np.arccos(np.clip((first * second).sum(axis=1), -1, 1))))


@pytest.fixture
def truth() -> dict[str, Any]:
    """What is known of the frames: {file: gaze, zone}."""
    known: dict[str, Any] = json.loads((SAMPLES / "truth.json").read_text())
    return known


@pytest.mark.parametrize("variant", ["gazedptr_v2", "gazeptr"])
def test_what_the_demo_writes_and_measures(
    variant: str,
    tiny: Callable[..., Any],
    truth: dict[str, Any],
    instead_of_bundled: Callable[[str, Any], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    instead_of_bundled("gazedptr_gaze", model := tiny(variant))
    report = run_demo(main, tmp_path / "out", capsys)
    predictor = Predictor(model, camera=SAMPLES / "camera.json", faces=SAMPLES / "landmarks.json")
    results = [predictor(SAMPLES / name) for name in truth]
    gaze = np.array([each["gaze"] for each in truth.values()])
    measured = report["measured"]
    error = angle(np.concatenate([np.asarray(result.vectors) for result in results]), gaze).mean()
    assert measured["angular_error"] == pytest.approx(error, rel=1e-5)
    assert f"mean error {error:.1f} degrees over 12 frames" in report["headline"]
    for name in ("head_pose", "mean_direction"):
        assert measured[f"gain_over_{name}"] == pytest.approx(measured[f"angular_error_{name}"] - error, abs=1e-4)
    # the driver looks far around, and not only where the head points
    assert 8 < measured["angular_error_head_pose"] < 25
    assert 30 < measured["angular_error_mean_direction"] < 55
    records = list(read_records(tmp_path / "out" / "gaze.csv"))
    assert [(record.source, record.frame) for record in records] == [(name, k) for k, name in enumerate(truth)]
    coarse = coarse_of_fine()
    right = [coarse[each["zone"]] == record.region for each, record in zip(truth.values(), records, strict=True)]
    assert measured["regions_right"] == sum(right)
    assert measured["frames"] == 12
    pixels = read_image(tmp_path / "out" / "demo.png").pixels.reshape(-1, 3).astype(int)
    for colour in ((60, 220, 90), (255, 60, 30)):  # of true and predicted gazes
        assert (np.abs(pixels - colour).max(axis=1) < 12).sum() > 300


def test_the_bundled_weights(truth: dict[str, Any]) -> None:
    assert bundled_names(METHOD) == ["demo", "demo-gazedptr", "demo-gazeptr"]
    gaze = np.array([each["gaze"] for each in truth.values()])
    found = {}
    for name, variant in zip(bundled_names(METHOD), ("gazedptr_v2", "gazedptr", "gazeptr"), strict=True):
        network = load_model(name)
        assert network.config.variant == variant
        predictor = Predictor(network, camera=SAMPLES / "camera.json", faces=SAMPLES / "landmarks.json")
        found[variant] = np.concatenate([np.asarray(predictor(SAMPLES / file).vectors) for file in truth])
        # the head's pose alone errs by 16.8 degrees
        assert angle(found[variant], gaze).mean() < 4.5
    np.testing.assert_allclose(found["gazedptr"], found["gazedptr_v2"], atol=1e-4)
    assert angle(found["gazeptr"], found["gazedptr"]).mean() > 0.5


def test_the_sample_is_consistent(truth: dict[str, Any]) -> None:
    camera, landmarks = read_camera(SAMPLES / "camera.json"), LandmarkFile(SAMPLES / "landmarks.json")
    assert len(truth) == 12
    assert sum(path.stat().st_size for path in SAMPLES.iterdir()) < 300_000
    cabin = draw_camera(np.random.default_rng(0), 0)
    gazes = np.array([each["gaze"] for each in truth.values()])
    np.testing.assert_allclose(np.linalg.norm(gazes, axis=1), 1, atol=1e-5)
    towards = []
    for name, known in truth.items():
        assert image_size(SAMPLES / name) == camera.size
        (face,) = landmarks.of(SAMPLES / name)
        pose = head_pose(face.landmarks, camera)
        assert pose.error < 5
        # the ray from the face leads to the zone that the label names
        away = cabin.see(ZONE_CENTRES[known["zone"]]) - pose.centre
        towards.append(away / np.linalg.norm(away))
    assert angle(np.array(towards), gazes).max() < 12
    assert {int(coarse_of_fine()[known["zone"]]) for known in truth.values()} == set(range(10))
    training = json.loads((SAMPLES / "training.json").read_text())
    assert np.shape(training["head"]) == (240, 3)
    assert np.shape(training["gaze"]) == (240, 2)
    assert len({known["zone"] for known in truth.values()} & set(range(FINE_ZONES))) == 12
