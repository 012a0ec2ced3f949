"""The demo, and the samples it shows."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np

from brighter_photo.data.synthetic import dim_photo, make_photos
from brighter_photo.demo import demo
from visioncore.images import from_tensor, read_image


def test_demo(tmp_path: Path) -> None:
    report = demo(tmp_path)
    assert report.measured["gain"] > 20
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["headline"] == report.headline
    assert report.figure.stat().st_size > 0


def test_samples_are_what_their_readme_says() -> None:
    samples = Path(str(files("brighter_photo"))) / "assets" / "samples"
    bright = make_photos(17)[16]
    dim = dim_photo(bright, np.random.default_rng(0))
    for kind, photo in (("target", bright), ("input", dim)):
        found = read_image(samples / kind / "colours.png").pixels.astype(int)
        assert np.abs(found - from_tensor(photo[None]).pixels).max() <= 1
