"""Similarity of features: what it must be for known changes, and the table of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from clip_denoising import CLIPDenoiser
from clip_denoising.data.noise import Noise
from clip_denoising.evaluation.feature_similarity import analyze, cosine_similarity, linear_cka
from visioncore.errors import InputError
from visioncore.images import Image, write_image


def test_cosine_of_known_tensors() -> None:
    x = torch.randn(1, 3, 8, 8)
    assert float(cosine_similarity(x, 3 * x)) == pytest.approx(1)
    assert float(cosine_similarity(x, -x)) == pytest.approx(-1)
    assert float(cosine_similarity(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]]))) == pytest.approx(0.5**0.5)


def test_cka_is_blind_to_rotation_scale_and_shift_and_to_nothing_else() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 6, 20, 20, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64)).Q
    rotated = torch.einsum("dc,bchw->bdhw", rotation, x)
    assert float(linear_cka(x, 5 * rotated + 2)) == pytest.approx(1)
    assert float(linear_cka(x, torch.randn_like(x))) < 0.1
    noise = torch.randn_like(x)
    values = [float(linear_cka(x, x + sigma * noise)) for sigma in (0.1, 0.5, 2.0)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.95


def test_cka_agrees_with_its_definition_by_kernels() -> None:
    x, y = torch.randn(1, 3, 4, 5).double(), torch.randn(1, 3, 4, 5).double()
    kernels = []
    for features in (x, y):
        samples = features.flatten(2)[0].T
        centring = torch.eye(20).double() - 1 / 20
        kernels.append(centring @ samples @ samples.T @ centring)
    k, m = kernels
    expected = (k * m).sum() / ((k * k).sum() * (m * m).sum()).sqrt()
    torch.testing.assert_close(linear_cka(x, y), expected)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number, size in enumerate([(40, 50), (64, 64)]):
        pixels = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
        write_image(tmp_path / "photos" / f"{number}.png", Image(pixels))
    return tmp_path / "photos"


def pyramid(image: Tensor) -> list[Tensor]:
    assert image.shape[-1] % 32 == image.shape[-2] % 32 == 0
    return [image, avg_pool2d(image, 4)]


def test_features_that_average_noise_away_are_more_alike(photos: Path, tmp_path: Path) -> None:
    noises = [Noise("gaussian", 15.0), Noise("gaussian", 100.0)]
    result = analyze(pyramid, photos, noises=noises, levels=("image", "pooled"))
    assert result.cosine.shape == result.cka.shape == (2, 2, 2)
    assert (result.cosine[0] > result.cosine[1]).all()
    assert (result.cosine[:, 1] > result.cosine[:, 0]).all()
    assert (result.cka <= 1).all()
    result.save(tmp_path / "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["images"] == 2
    assert [(row["noise"], row["feature"]) for row in report["means"]] == [
        (noise, level) for noise in ("gaussian:15", "gaussian:100") for level in ("image", "pooled")
    ]
    assert report["means"][3]["cosine"] == pytest.approx(result.cosine[1, 1].mean())
    assert "| gaussian:15 | image |" in (tmp_path / "out" / "similarity.md").read_text()


def test_the_features_of_a_network(tiny: CLIPDenoiser, photos: Path) -> None:
    result = analyze(tiny.features, photos, noises=[Noise("gaussian", 0.0), Noise("gaussian", 50.0)])
    assert result.levels == ["image", "stem", "layer1", "layer2", "layer3"]
    np.testing.assert_allclose(result.cosine[0], 1)
    np.testing.assert_allclose(result.cka[0], 1)
    assert (result.cosine[1] < 0.999).all()


def test_names_for_every_feature(photos: Path) -> None:
    with pytest.raises(InputError, match="there are 2 features, but 5 names: image, stem"):
        analyze(pyramid, photos, noises=[Noise("gaussian", 15.0)])
