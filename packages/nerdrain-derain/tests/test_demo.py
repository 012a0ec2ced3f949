"""The demo: what it writes and measures, on a tiny network, and what the bundled one achieves."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nerdrain_derain import NeRDRain
from nerdrain_derain.cli import main
from nerdrain_derain.data.pairs import find_pairs
from nerdrain_derain.evaluation.baselines import best_filter
from visioncore.images import read_image, to_tensor
from visioncore.metrics.image import psnr
from visioncore.testing.suites.base import run_demo

ASSETS = Path(str(files("nerdrain_derain") / "assets"))


def test_what_the_demo_writes_and_measures(
    tiny: NeRDRain, instead_of_bundled: Callable[[str, Any], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    instead_of_bundled("nerdrain_derain", tiny)
    out = tmp_path / "out"
    (out / "restored").mkdir(parents=True)
    (out / "restored" / "aaa.png").write_text("of an earlier run")
    report = run_demo(main, out, capsys)

    pairs = [(read_image(rainy), read_image(clean)) for rainy, clean in find_pairs(ASSETS / "samples")]
    restored = [read_image(out / "restored" / f"{name}.png") for name in ("astronaut", "coffee", "rocket")]
    values = [
        [float(psnr(to_tensor(image), to_tensor(clean), "y_A")) for image in (rainy, after)]
        for (rainy, clean), after in zip(pairs, restored, strict=True)
    ]
    before, after = np.mean(values, axis=0)
    name, best = best_filter(pairs)
    measured = report["measured"]
    assert measured["psnr_y_A_rainy"] == pytest.approx(before)
    assert measured["psnr_y_A_restored"] == pytest.approx(after)
    assert measured["psnr_y_A_best_filter"] == pytest.approx(best)
    assert measured["gain_over_rainy"] == pytest.approx(after - before)
    assert measured["gain_over_best_filter"] == pytest.approx(after - best)
    assert 0 < measured["ssim_y_A_rainy"] < 1
    assert f"({after - before:+.2f} dB;" in report["headline"]
    assert name in report["headline"]


def test_the_samples_are_in_rain_worth_removing() -> None:
    pairs = find_pairs(ASSETS / "samples")
    values = [float(psnr(to_tensor(read_image(rainy)), to_tensor(read_image(clean)), "y_A")) for rainy, clean in pairs]
    assert len(pairs) == 3
    assert 20 < np.mean(values) < 28
