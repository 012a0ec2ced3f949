"""Training sets on disk: squares as published, and noise that follows from seed and name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clip_denoising.data import stored_pairs as store
from clip_denoising.data.camera import CameraNoise
from clip_denoising.data.camera_response import smooth_curves
from clip_denoising.data.datasets import find_pairs
from clip_denoising.data.noise import Noise
from clip_denoising.data.stored_pairs import store_pairs
from visioncore.errors import InputError
from visioncore.images import Image, read_image, write_image

NOISE = Noise("gaussian", 25.0)


def image(height: int = 30, width: int = 46, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    for number in range(2):
        write_image(tmp_path / "photos" / f"{number}.bmp", Image(image(seed=number)))
    return [tmp_path / "photos" / f"{number}.bmp" for number in range(2)]


def silent(line: str) -> None:
    raise AssertionError(f"nothing was to be told: {line}")


def test_whole_photos(photos: list[Path], tmp_path: Path) -> None:
    summary = store_pairs(photos, tmp_path / "out", NOISE, say=silent)
    assert len(summary.done) == 2
    pairs = find_pairs(tmp_path / "out")
    assert [pair.clean.name for pair in pairs] == ["0.png", "1.png"]
    for number, pair in enumerate(pairs):
        clean, noisy = read_image(pair.clean).pixels, read_image(pair.noisy).pixels
        np.testing.assert_array_equal(clean, image(seed=number))
        inside = (clean > 100) & (clean < 150)
        assert np.std(noisy[inside].astype(float) - clean[inside]) == pytest.approx(25, rel=0.1)
        assert noisy.min() == 0  # clipped


def test_noise_follows_from_seed_and_name(photos: list[Path], tmp_path: Path) -> None:
    def noisy(out: str, chosen: list[Path], seed: int) -> Any:
        store_pairs(chosen, tmp_path / out, CameraNoise(smooth_curves()), seed=seed, say=silent)
        return read_image(tmp_path / out / "noisy" / "1.png").pixels

    first = noisy("a", photos, 3)
    np.testing.assert_array_equal(noisy("b", photos[::-1], 3), first)
    np.testing.assert_array_equal(noisy("c", photos[1:], 3), first)
    assert (noisy("d", photos, 4) != first).any()
    assert (read_image(tmp_path / "a" / "noisy" / "0.png").pixels != first).any()


def test_squares_overlap_and_reach_the_borders(photos: list[Path], tmp_path: Path) -> None:
    store_pairs(photos[:1], tmp_path / "out", NOISE, side=20, step=10, say=silent)
    pairs = find_pairs(tmp_path / "out")
    corners = [(top, left) for top in (0, 10) for left in (0, 10, 20, 26)]
    assert [pair.clean.stem for pair in pairs] == [f"0_s{number:03d}" for number in range(1, 9)]
    for pair, (top, left) in zip(pairs, corners, strict=True):
        np.testing.assert_array_equal(read_image(pair.clean).pixels, image()[top : top + 20, left : left + 20])


def test_squares_of_a_photo_that_is_smaller(tmp_path: Path) -> None:
    write_image(tmp_path / "small.png", Image(image(10, 30)))
    store_pairs([tmp_path / "small.png"], tmp_path / "out", NOISE, side=20, step=10, say=silent)
    sizes = [read_image(pair.clean).pixels.shape for pair in find_pairs(tmp_path / "out")]
    assert sizes == [(10, 20, 3), (10, 20, 3)]


def test_the_published_number_of_squares() -> None:
    """Of a photo of 2040 x 1356, the commonest size of DIV2K."""
    across, down = (store._starts(length, store.SIDE, store.STEP) for length in (2040, 1356))
    assert (len(across), len(down)) == (8, 5)
    assert (across[-1], down[-1]) == (2040 - 480, 1356 - 480)


def test_what_is_done_is_not_done_again(photos: list[Path], tmp_path: Path) -> None:
    store_pairs(photos, tmp_path / "out", NOISE, side=20, step=10, say=silent)
    (tmp_path / "out" / "noisy" / "1_s001.png").unlink()
    summary = store_pairs(photos, tmp_path / "out", NOISE, side=20, step=10, say=silent)
    assert [path.name for path in summary.done] == ["1_s001.png"]
    assert [path.name for path in summary.skipped] == ["0_s001.png"]
    assert len(find_pairs(tmp_path / "out")) == 16


def test_pairs_that_were_made_otherwise_are_not_added_to(photos: list[Path], tmp_path: Path) -> None:
    store_pairs(photos[:1], tmp_path / "out", NOISE, side=20, step=10, say=silent)
    for noise, seed, side in ((Noise("gaussian", 50), 0, 20), (NOISE, 1, 20), (NOISE, 0, None)):
        with pytest.raises(InputError, match=r"out.made_by\.json: the pairs there were made otherwise"):
            store_pairs(photos, tmp_path / "out", noise, seed=seed, side=side, step=10)
    cameras = [CameraNoise(smooth_curves(), blind=blind) for blind in (False, True)]
    store_pairs(photos[:1], tmp_path / "cameras", cameras[0], say=silent)
    with pytest.raises(InputError, match="made otherwise"):
        store_pairs(photos, tmp_path / "cameras", cameras[1])
    assert len(find_pairs(tmp_path / "cameras")) == 1


@pytest.mark.parametrize("role", ["clean", "noisy"])
def test_what_was_interrupted_is_done_again(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    def full(path: Path, image: Image) -> None:
        # as it is named until it is whole
        if path.name.startswith(".0_s005.") and path.parent.name == role:
            path.write_bytes(b"half of it")
            raise InputError("the disk is full")
        write_image(path, image)

    monkeypatch.setattr(store, "write_image", full)
    assert store_pairs(photos[:1], tmp_path / "out", NOISE, side=20, step=10, say=lambda line: None).exit_code == 1
    monkeypatch.undo()
    left = [sorted(path.name for path in (tmp_path / "out" / name).iterdir()) for name in ("clean", "noisy")]
    assert left == [[f"0_s{number:03d}.png" for number in (6, 7, 8)]] * 2, "no image is without its partner"
    summary = store_pairs(photos[:1], tmp_path / "out", NOISE, side=20, step=10, say=silent)
    assert len(summary.done) == 1
    assert len(find_pairs(tmp_path / "out")) == 8


def test_a_bad_photo_is_told_and_the_others_are_made(photos: list[Path], tmp_path: Path) -> None:
    photos[0].write_text("no image")
    said: list[str] = []
    summary = store_pairs(photos, tmp_path / "out", NOISE, say=said.append)
    assert "0.bmp: not an image" in said[0]
    assert summary.exit_code == 1
    assert [path.name for path in summary.done] == ["1.png"]


def test_equal_names_and_sizes_without_pixels_are_refused(photos: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="several photos are named 0"):
        store_pairs([*photos, tmp_path / "other" / "0.png"], tmp_path / "out", NOISE)
    with pytest.raises(InputError, match="side 0, step 240: both must be at least 1"):
        store_pairs(photos, tmp_path / "out", NOISE, side=0)
