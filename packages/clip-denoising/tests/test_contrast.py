"""Encoders from photos alone: the loss against its definition, the views, and the tower's names."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clip_denoising.training import contrastive as contrast
from clip_denoising.training.contrastive import (
    ContrastiveConfig,
    ContrastiveTower,
    Views,
    contrastive_loss,
    random_view,
)
from visioncore.backbones.clip import CLIPResNet, CLIPResNetConfig
from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.images.photo_cache import Photos

MakePhoto = Callable[..., Any]
TINY = ContrastiveConfig(width=4, blocks=(1, 1, 1, 1), embedding=6)


# the loss


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_the_loss_agrees_with_its_definition(temperature: float) -> None:
    embeddings = F.normalize(torch.randn(8, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), dim=1)
    expected = []
    for i in range(8):
        partner = i + 1 if i % 2 == 0 else i - 1
        likeness = [math.exp(float(embeddings[i] @ embeddings[j]) / temperature) for j in range(8)]
        others = sum(value for j, value in enumerate(likeness) if j != i)
        expected.append(-math.log(likeness[partner] / others))
    assert float(contrastive_loss(embeddings, temperature)) == pytest.approx(np.mean(expected))


def test_the_loss_of_views_that_are_told_apart_and_of_those_that_are_not() -> None:
    apart = torch.eye(4).repeat_interleave(2, dim=0)
    assert float(contrastive_loss(apart, 0.1)) == pytest.approx(math.log(1 + 6 * math.exp(-10)), rel=1e-2)
    assert float(contrastive_loss(torch.ones(8, 1), 0.1)) == pytest.approx(math.log(7))


def test_its_gradient_draws_partners_together() -> None:
    embeddings = F.normalize(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), dim=1).requires_grad_()
    before = contrastive_loss(embeddings, 0.5)
    before.backward()
    assert embeddings.grad is not None
    moved = F.normalize(embeddings.detach() - 0.1 * embeddings.grad, dim=1)
    assert contrastive_loss(moved, 0.5) < before.detach()


# views


@pytest.mark.parametrize("size", [(40, 60), (200, 90), (5, 7), (1, 1)])
def test_views_have_one_shape_and_range(size: tuple[int, int], make_photo: MakePhoto) -> None:
    pixels = make_photo(*size)
    for seed in range(30):
        view = random_view(pixels, 24, np.random.default_rng(seed))
        assert view.shape == (24, 24, 3)
        assert view.dtype == np.float32
        assert np.isfinite(view).all()
        assert 0 <= view.min() <= view.max() <= 1


def test_views_follow_from_their_generator_and_differ(make_photo: MakePhoto) -> None:
    pixels = make_photo(80, 100)
    before = pixels.copy()
    views = [random_view(pixels, 16, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(views[0], views[1])
    assert np.abs(views[0] - views[2]).mean() > 0.01
    np.testing.assert_array_equal(pixels, before)


def test_how_often_views_are_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    # only the left half is bright, and only its red channel
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:, :16, 0] = 200
    monkeypatch.setattr(contrast, "LEAST_AREA", 1)
    monkeypatch.setattr(contrast, "JITTERED", 0)
    monkeypatch.setattr(contrast, "BLURRED", 0)
    views = [random_view(pixels, 16, np.random.default_rng(seed)) for seed in range(400)]
    mirrored = sum(view[:, :8].mean() < view[:, 8:].mean() for view in views)
    grey = sum(bool(np.ptp(view, axis=2).max() < 1e-6) for view in views)
    assert 160 < mirrored < 240
    assert 50 < grey < 110
    # what is cut out is a square, of a share of the area that is uniform
    y, x = np.mgrid[:100, :150].astype(np.uint8)
    ramp = np.stack([y, x, x], axis=-1)
    monkeypatch.setattr(contrast, "LEAST_AREA", 0.25)
    monkeypatch.setattr(contrast, "GREY", 0)
    heights, widths = [], []
    for seed in range(200):
        view = 255 * random_view(ramp, 16, np.random.default_rng(seed))
        heights.append(np.ptp(view[..., 0]))
        widths.append(np.ptp(view[..., 1]))
    np.testing.assert_allclose(heights, widths, atol=2)
    # the middles of the outermost of 16 pixels are 15/16 of the side apart
    areas = (np.array(heights) * 16 / 15 / 100) ** 2
    assert areas.min() > 0.22
    assert areas.max() > 0.95
    assert areas.mean() == pytest.approx(0.625, abs=0.05)


def test_two_views_of_each_photo(tmp_path: Path, make_photo: MakePhoto) -> None:
    for number in range(2):
        write_image(tmp_path / f"{number}.png", Image(make_photo(40, 60, seed=number)))
    source = pickle.loads(pickle.dumps(Views(sorted(tmp_path.iterdir()), 32, Photos(1))))
    assert len(source) == 2
    views = source.sample(1, np.random.default_rng(0))["views"]
    assert views.shape == (2, 3, 32, 32)
    assert views.dtype == torch.float32
    assert not torch.equal(views[0], views[1])
    assert torch.equal(source.sample(1, np.random.default_rng(0))["views"], views)


# the tower


def test_embeddings_have_length_one() -> None:
    tower = ContrastiveTower(TINY)
    embeddings = tower(torch.rand(3, 3, 32, 64))
    assert embeddings.shape == (3, 6)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3))
    embeddings.sum().backward()
    assert all(parameter.grad is not None for parameter in tower.parameters())


def test_names_are_those_of_clip() -> None:
    names = ContrastiveTower(TINY).state_dict().keys()
    visual = {name.removeprefix("visual.") for name in names if name.startswith("visual.")}
    assert visual == CLIPResNet(CLIPResNetConfig(4, (1, 1, 1, 1))).state_dict().keys()
    assert {name.split(".")[0] for name in names} == {"visual", "head"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"width": 3}, "width is 3; it must be a positive even number"),
        ({"blocks": (1, 1, 0, 1)}, "each at least 1"),
        ({"embedding": 0}, "embedding is 0; it must be at least 1"),
    ],
)
def test_settings_that_will_not_do(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        ContrastiveConfig(**changes)
    assert told in str(caught.value)
