"""From images on disk to noisy and clean patches: crops, turns, noise, stored pairs, mixup."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clip_denoising.data.camera import CameraNoise
from clip_denoising.data.camera_response import smooth_curves
from clip_denoising.data.datasets import Pair
from clip_denoising.data.noise import Noise, Rng
from clip_denoising.data.patches import Patches
from clip_denoising.training.mixup import mix, mixup
from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.inference.dihedral import WAYS, turned_back

QUIET = Noise("gaussian", 0.0)


def image(height: int, width: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    for number in range(3):
        write_image(tmp_path / f"{number}.png", Image(image(40, 56, number)))
    return [tmp_path / f"{number}.png" for number in range(3)]


# patches


def test_patches_are_parts_of_the_image_turned(photos: list[Path]) -> None:
    source, whole = Patches(photos, QUIET, patch=16), image(40, 56)
    places = {tuple(whole[y, x].tolist()): (y, x) for y in range(40) for x in range(56)}  # colours tell where they are
    found: Counter[int] = Counter()
    corners = set()
    for seed in range(80):
        sample = source.sample(0, np.random.default_rng(seed))
        assert sample["clean"].shape == (3, 16, 16)
        assert sample["clean"].dtype == sample["noisy"].dtype == torch.float32
        assert sample["clean"].is_contiguous()
        torch.testing.assert_close(sample["noisy"], sample["clean"], rtol=0, atol=0)
        for way in range(WAYS):
            patch = np.rint(turned_back(sample["clean"], way).permute(1, 2, 0).numpy() * 255)
            y, x = places[tuple(patch[0, 0].astype(int).tolist())]
            if np.array_equal(whole[y : y + 16, x : x + 16], patch):
                found[way] += 1
                corners.add((y, x))
    assert set(found) == set(range(WAYS))
    assert found.total() == 80
    assert len(corners) > 60


def test_noise_is_added_to_the_patch_and_is_new_in_every_sample(photos: list[Path]) -> None:
    source = Patches(photos, Noise("gaussian", 25.0), patch=32)
    residuals = []
    for seed in (1, 1, 2):
        sample = source.sample(1, np.random.default_rng(seed))
        residuals.append(sample["noisy"] - sample["clean"])
        assert residuals[-1].std() == pytest.approx(25 / 255, rel=0.1)
        assert 0 <= sample["clean"].min() < sample["clean"].max() <= 1
    torch.testing.assert_close(residuals[0], residuals[1], rtol=0, atol=0)
    assert (residuals[0] != residuals[2]).all()
    assert sample["noisy"].min() < 0  # not clipped


def test_stored_pairs_are_cut_and_turned_alike(tmp_path: Path) -> None:
    clean = image(30, 44)
    write_image(tmp_path / "clean.png", Image(clean))
    write_image(tmp_path / "noisy.png", Image(255 - clean))
    source = Patches([Pair(tmp_path / "noisy.png", tmp_path / "clean.png")], patch=16)
    assert source.clean_files() == [tmp_path / "clean.png"]
    for seed in range(10):
        sample = source.sample(0, np.random.default_rng(seed))
        torch.testing.assert_close(sample["noisy"], 1 - sample["clean"])


@pytest.mark.parametrize("size", [(10, 20), (20, 10), (7, 7), (1, 1)])
def test_small_images_are_mirrored_at_the_right_and_at_the_bottom(tmp_path: Path, size: tuple[int, int]) -> None:
    write_image(tmp_path / "small.png", Image(image(*size)))
    source = Patches([tmp_path / "small.png"], QUIET, patch=16)
    padding = [(0, max(0, 16 - size[0])), (0, max(0, 16 - size[1])), (0, 0)]
    expected = np.pad(image(*size), padding, mode="symmetric")
    for seed in range(20):
        clean = source.sample(0, np.random.default_rng(seed))["clean"]
        assert clean.shape == (3, 16, 16)
        if expected.shape == (16, 16, 3):
            ways = [turned_back(clean, way).permute(1, 2, 0).numpy() * 255 for way in range(WAYS)]
            assert any((np.rint(way) == expected).all() for way in ways)


def test_centres_are_the_same_every_time_and_seeded_as_the_published_tests(photos: list[Path]) -> None:
    source = Patches(photos, Noise("gaussian", 50.0), patch=16)
    whole = source.centre(2)
    assert whole["clean"].shape == whole["noisy"].shape == (3, 40, 56)
    noise = np.random.RandomState(0).normal(0, 50 / 255, (40, 56, 3)).astype(np.float32)
    expected = image(40, 56, 2).astype(np.float32) / np.float32(255) + noise
    np.testing.assert_array_equal(whole["noisy"].permute(1, 2, 0).numpy(), expected)
    part = source.centre(2, 24)
    torch.testing.assert_close(part["clean"], whole["clean"][:, 8:32, 16:40], rtol=0, atol=0)
    assert source.centre(2, 48)["clean"].shape == (3, 40, 48)


def test_a_margin_makes_patches_what_the_whole_image_would_be(photos: list[Path]) -> None:
    """Also at the borders, where the pipeline itself has less to see."""
    noise = CameraNoise(smooth_curves())
    camera = noise.draw(np.random.default_rng(0))

    class Fixed:
        margin = noise.margin

        def __call__(self, clean: Any, rng: Rng) -> Any:
            return camera.develop(camera.expose(clean.astype(np.float64))).astype(np.float32)

    whole = Patches(photos, Fixed()).centre(0)["noisy"]
    source, checked = Patches(photos, Fixed(), patch=16), 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        top, left = int(rng.integers(40 - 16 + 1)), int(rng.integers(56 - 16 + 1))
        if max(0, top - 2) % 2 or max(0, left - 2) % 2:
            continue  # another phase of the mosaic
        patch = turned_back(source.sample(0, np.random.default_rng(seed))["noisy"], int(rng.integers(WAYS)))
        torch.testing.assert_close(patch, whole[:, top : top + 16, left : left + 16], rtol=0, atol=0)
        checked += 1
    assert checked > 20


def test_camera_noise_in_patches(photos: list[Path]) -> None:
    source = Patches(photos, CameraNoise(smooth_curves()), patch=16)
    sample = source.sample(0, np.random.default_rng(0))
    assert sample["noisy"].shape == (3, 16, 16)
    torch.testing.assert_close((sample["noisy"] * 255).round() / 255, sample["noisy"])
    assert (sample["noisy"] != sample["clean"]).float().mean() > 0.9


def test_subsets_and_pickles(photos: list[Path]) -> None:
    source = Patches(photos, Noise("poisson", 2.0), patch=16)
    part = pickle.loads(pickle.dumps(source.subset([2])))
    assert part.clean_files() == [photos[2]]
    expected = source.sample(2, np.random.default_rng(3))["noisy"]
    torch.testing.assert_close(part.sample(0, np.random.default_rng(3))["noisy"], expected, rtol=0, atol=0)


def test_what_cannot_be_a_sample_is_refused(tmp_path: Path, photos: list[Path]) -> None:
    with pytest.raises(InputError, match=r"0\.png: a clean image alone"):
        Patches(photos)
    write_image(tmp_path / "other.png", Image(image(40, 50)))
    with pytest.raises(InputError, match=r"another size than .*0\.png \(width x height 50x40 and 56x40\)"):
        Patches([Pair(tmp_path / "other.png", photos[0])]).centre(0)
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(InputError, match=r"text\.png: not an image"):
        Patches([tmp_path / "text.png"], QUIET).sample(0, np.random.default_rng(0))


# mixup


def test_the_published_mixup(golden: Any, make_input: Any) -> None:
    case = golden("metrics")
    images = make_input(case.about["inputs"]["l1_pred"])
    drawn = case.about["mixup"]
    mixed = mix(images, drawn["lambda"], torch.tensor(drawn["permutation"]))
    case.close("mixup", mixed)


def test_mixup_blends_half_of_the_batches_both_images_alike() -> None:
    clean = torch.rand(6, 3, 4, 4)
    noisy = clean + 0.25
    blended = 0
    for seed in range(200):
        a, b = mixup(noisy, clean, np.random.default_rng(seed))
        torch.testing.assert_close(a - 0.25, b)
        if not torch.equal(a, noisy):
            blended += 1
            assert clean.min() - 1e-6 <= b.min()
            assert b.max() <= clean.max() + 1e-6
    assert 75 < blended < 125
    again = mixup(noisy, clean, np.random.default_rng(1))
    torch.testing.assert_close(again, mixup(noisy, clean, np.random.default_rng(1)), rtol=0, atol=0)
