"""The demo: what it writes and measures, on a tiny network, and what the bundled one achieves."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clip_denoising import CLIPDenoiser
from clip_denoising.cli import main
from clip_denoising.data.datasets import find_photos
from clip_denoising.data.patches import Patches
from clip_denoising.demo import UNSEEN
from clip_denoising.inference.non_local_means import non_local_means
from visioncore.metrics.image import psnr
from visioncore.testing.suites.base import run_demo

ASSETS = Path(str(files("clip_denoising") / "assets"))


def test_what_the_demo_writes_and_measures(
    tiny: CLIPDenoiser,
    instead_of_bundled: Callable[[str, Any], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instead_of_bundled("clip_denoising", tiny)
    monkeypatch.setattr("clip_denoising.demo.UNSEEN", UNSEEN[:2])
    out = tmp_path / "out"
    report = run_demo(main, out, capsys)

    values = []
    for noise in UNSEEN[:2]:
        for photo in find_photos(ASSETS / "samples" / "target"):
            sample = Patches([photo], noise).centre(0)
            noisy, clean = sample["noisy"][None], sample["clean"][None]
            with torch.no_grad():
                images = noisy, non_local_means(noisy), tiny.denoise(noisy)
            values.append([float(psnr(image, clean, "colour")) for image in images])
    before, baseline, after = np.mean(values, axis=0)
    measured = report["measured"]
    assert measured["psnr_unseen_noisy"] == pytest.approx(before)
    assert measured["psnr_unseen_non_local_means"] == pytest.approx(baseline)
    assert measured["psnr_unseen_denoised"] == pytest.approx(after, abs=1e-3)
    assert measured["gain_over_noisy"] == pytest.approx(after - before, abs=1e-3)
    assert measured["gain_over_non_local_means"] == pytest.approx(after - baseline, abs=1e-3)
    assert measured["psnr_spatial:50_noisy"] == pytest.approx(
        np.mean(values, axis=0)[0] * 2 - measured["psnr_gaussian:50_noisy"]
    )
    assert {
        "psnr_gaussian:15_noisy",
        "psnr_gaussian:15_denoised",
        "psnr_gaussian:50_non_local_means",
    } <= measured.keys()
    assert f"({after - before:+.2f} dB; {after - baseline:+.2f} dB over non-local means, from " in report["headline"]
    names = sorted(path.name for path in (out / "denoised").iterdir())
    assert names[:3] == ["astronaut_gaussian-15.png", "astronaut_gaussian-50.png", "astronaut_spatial-50.png"]
    assert len(names) == 9
