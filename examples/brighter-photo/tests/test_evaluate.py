"""The paper's protocol."""

from __future__ import annotations

import numpy as np
import torch

from brighter_photo import Brighter, Predictor, load_model
from brighter_photo.data.synthetic import dim_photo, make_photos
from brighter_photo.evaluation.protocols import evaluate


def test_protocol() -> None:
    photos = make_photos(2, size=16)
    measured = evaluate(photos, Predictor(load_model("demo"), "cpu"))
    errors = [(dim_photo(photo, np.random.default_rng(n)) - photo).square().mean() for n, photo in enumerate(photos)]
    np.testing.assert_allclose(measured["psnr_dim"], -10 * torch.stack(errors).log10().mean(), rtol=1e-4)
    assert measured["psnr_bright"] > measured["psnr_dim"] + 20


def test_a_network_that_does_nothing_gains_nothing() -> None:
    measured = evaluate(make_photos(2, size=16), Predictor(Brighter(), "cpu"))
    assert measured["psnr_bright"] == measured["psnr_dim"]
