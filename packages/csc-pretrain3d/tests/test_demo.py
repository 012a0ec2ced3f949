"""The demo: what it writes and measures, on a tiny network, and its sample; what the bundled ones gain is elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from csc_pretrain3d import MinkUNet, load_model
from csc_pretrain3d.cli import main
from csc_pretrain3d.data.classes import NUSCENES
from csc_pretrain3d.data.formats import read_labels, read_scan
from csc_pretrain3d.data.synthetic import synthetic_frame
from csc_pretrain3d.demo import BUNDLED
from visioncore.testing.suites.base import run_demo

SAMPLES = Path(str(files("csc_pretrain3d") / "assets" / "samples"))


def test_what_the_demo_writes_and_measures(
    instead_of_bundled: Callable[[str, Any], None],
    tiny: MinkUNet,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    instead_of_bundled("csc_pretrain3d", tiny)
    measured = run_demo(main, tmp_path / "out", capsys)["measured"]
    assert measured["streets"] == 16
    # all three are the same network here
    assert 0 < measured["miou_percent"] < 50
    assert measured["gain_over_random_start"] == measured["gain_over_contrast_alone"] == 0
    points = read_scan(SAMPLES / "street.bin")
    assert len(read_labels(tmp_path / "out" / "street.label", len(points)).ids) == len(points)


def test_the_sample_is_what_its_readme_says() -> None:
    scan, made = read_scan(SAMPLES / "street.bin"), synthetic_frame(30_001, cameras=False).scan
    # other processors round a little differently, where a ray may meet something else
    assert abs(len(scan) - len(made)) < 20
    raw = read_labels(SAMPLES / "street.label", len(scan))
    classes = NUSCENES.classes_of(raw.ids, "street.label")
    assert made.labels is not None
    if len(scan) == len(made):
        assert np.mean(np.isclose(scan.points, made.points, atol=1e-3)) > 0.99
        assert np.mean(classes == made.labels) > 0.99


def test_bundled_networks_are_alike() -> None:
    configs = [load_model(name).config for name in BUNDLED.values()]
    assert configs[0] == configs[1] == configs[2]
    assert configs[0].classes == NUSCENES.names
