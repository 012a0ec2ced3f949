"""The demo: what it writes and measures, on a tiny network, and what the bundled one achieves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from hsam_medseg import HSAM, Predictor, Preprocessing
from hsam_medseg.cli import main
from hsam_medseg.data.labels import read_labels
from hsam_medseg.data.scans import read_volume
from hsam_medseg.data.synthetic import SYNTHETIC_CLASSES, synthetic_slices, synthetic_volume
from hsam_medseg.evaluation.atlas import Atlas
from visioncore.metrics.segmentation import dice
from visioncore.testing.suites.base import run_demo

ASSETS = Path(str(files("hsam_medseg") / "assets"))
SCAN, REFERENCE = (ASSETS / "samples" / kind / "patient.nii.gz" for kind in ("input", "target"))


@pytest.fixture
def tiny_instead(tiny: HSAM, instead_of_bundled: Callable[[str, HSAM], None]) -> HSAM:
    """Put a tiny network where the bundled one is looked for, and return it."""
    torch.manual_seed(0)
    config = replace(tiny.config, classes=SYNTHETIC_CLASSES, preprocessing=Preprocessing("unit", "stored"))
    model = HSAM(config).eval()
    instead_of_bundled("hsam_medseg", model)
    return model


def test_what_the_demo_writes_and_measures(
    tiny_instead: HSAM, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    report = run_demo(main, out, capsys)
    reference = read_labels(REFERENCE).voxels
    found = {
        "": read_labels(out / "patient.nii.gz").voxels,
        "_first_decoder": Predictor(tiny_instead, stage="coarse")(SCAN).labels.voxels,
    }
    assert (found[""] != found["_first_decoder"]).any()
    slices = synthetic_slices(range(20), 0.3, 0, (24, 192, 192))
    assert len(slices) == 144
    image = (read_volume(SCAN).voxels / 255).astype(np.float32)
    found["_atlas"] = Atlas.of(slices, 5).segment(image)
    measured = report["measured"]
    for kind, labels in found.items():
        scores = [dice(labels == organ, reference == organ) for organ in range(1, 5)]
        assert [measured[f"dice_{name}{kind}"] for name in SYNTHETIC_CLASSES] == pytest.approx(scores)
        assert measured[f"dice{kind}"] == pytest.approx(np.mean(scores))
    assert f"mean Dice {measured['dice']:.3f}" in report["headline"]
    for kind, told in (("atlas", "place and brightness"), ("first_decoder", "the first decoder")):
        gain = measured["dice"] - measured[f"dice_{kind}"]
        assert measured[f"gain_over_{kind}"] == pytest.approx(gain)
        assert f"{gain:+.3f} over {told}" in report["headline"]
    assert json.loads((out / "patient.json").read_text())["organs"].keys() == set(SYNTHETIC_CLASSES)


def test_the_sample_is_made_as_the_assets_say_and_is_not_trained_on() -> None:
    image, labels = synthetic_volume(20_000, (24, 192, 192))
    scan, reference = read_volume(SCAN), read_labels(REFERENCE)
    # processors differ in the last digit
    np.testing.assert_allclose(scan.voxels, 255 * image, atol=0.6)
    assert (reference.voxels == labels).mean() > 0.9999
    assert scan.voxels.dtype == np.uint8
    assert (scan.orientation, reference.orientation) == ("LPS", "LPS")
    assert scan.spacing == pytest.approx((8, 1.8, 1.8))
    np.testing.assert_array_equal(scan.affine, reference.affine)
    middle = scan.affine @ [95.5, 95.5, 11.5, 1]
    np.testing.assert_allclose(middle[:3], 0, atol=1e-4)


def test_the_network_sees_the_sample_as_it_saw_what_it_was_trained_on(tiny_instead: HSAM) -> None:
    image, _ = synthetic_volume(20_000, (24, 192, 192))
    predictor = Predictor(tiny_instead)
    segmentation = predictor(SCAN)
    assert segmentation.intensities == (0, 255)
    eight_bit = (np.rint(255 * image) / 255).astype(np.float32)
    assert (segmentation.labels.voxels == predictor.segment(eight_bit)).mean() > 0.999
