"""Photos in and out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from csc_pretrain3d import CSC, CSCConfig, Predictor, load_model
from visioncore.errors import InputError
from visioncore.images import Image, read_image, write_image

PIXELS = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)


def test_result(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", Image(PIXELS))
    model = load_model("demo")
    results = [Predictor(model, "cpu")(photo) for photo in (tmp_path / "a.png", Image(PIXELS), PIXELS)]
    expected = model(torch.from_numpy(PIXELS).permute(2, 0, 1)[None] / 255)[0].permute(1, 2, 0)
    for result in results:
        np.testing.assert_allclose(result.pixels, expected.detach().clamp(0, 1) * 255, atol=0.51)
    results[0].save(tmp_path / "bright.png")
    results[0].plot(tmp_path / "figure.png")
    np.testing.assert_array_equal(read_image(tmp_path / "bright.png").pixels, results[0].pixels)
    assert (tmp_path / "figure.png").stat().st_size > 0


def test_precisions() -> None:
    exact, coarse = (Predictor(load_model("demo"), "cpu", dtype=dtype)(PIXELS) for dtype in ("float32", "bfloat16"))
    np.testing.assert_allclose(coarse.pixels, exact.pixels, rtol=0.01, atol=1)
    assert (coarse.pixels != exact.pixels).any()


def test_tensors() -> None:
    images = torch.rand(3, 3, 4, 5)
    assert torch.equal(Predictor(CSC(), "cpu", batch=2).run(images), images)
    with pytest.raises(InputError, match=r"they must be \(B, 1, H, W\)"):
        Predictor(CSC(CSCConfig(channels=1)), "cpu").run(images)
