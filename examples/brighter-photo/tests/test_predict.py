"""Photos in and out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from brighter_photo import Brighter, Predictor, load_model
from brighter_photo.inference.predictor import predict_files
from visioncore.images import Image, read_image, write_image

PIXELS = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)


def test_files(tmp_path: Path) -> None:
    write_image(tmp_path / "photos" / "a.png", Image(PIXELS))
    (tmp_path / "photos" / "b.png").write_bytes(b"not an image")
    said: list[str] = []
    summary = predict_files([tmp_path / "photos"], Predictor(Brighter(), "cpu"), tmp_path / "out", say=said.append)
    assert [path.name for path in summary.failed] == ["b.png"]
    assert len(said) == 1
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "a.png").pixels, PIXELS)


def test_result(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", Image(PIXELS))
    model = load_model("demo")
    results = [Predictor(model, "cpu")(photo) for photo in (tmp_path / "a.png", Image(PIXELS), PIXELS)]
    expected = model(torch.from_numpy(PIXELS).permute(2, 0, 1)[None] / 255)[0].permute(1, 2, 0)
    for result in results:
        np.testing.assert_allclose(result.bright.pixels, expected.detach().clamp(0, 1) * 255, atol=0.51)
    results[0].save(tmp_path / "bright.png")
    results[0].plot(tmp_path / "figure.png")
    np.testing.assert_array_equal(read_image(tmp_path / "bright.png").pixels, results[0].bright.pixels)
    assert (tmp_path / "figure.png").stat().st_size > 0
