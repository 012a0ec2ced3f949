"""Which noisy image belongs to which clean one, and which published test sets lie in a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from clip_denoising.data.datasets import Pair, clean_sets, find_pairs, find_photos, real_sets
from visioncore.errors import InputError
from visioncore.images import Image, write_image


def write(folder: Path, names: Iterable[str], size: tuple[int, int] = (6, 8)) -> None:
    for name in names:
        write_image(folder / name, Image(np.zeros((*size, 3), np.uint8)))


def names(pairs: list[Pair]) -> list[tuple[str, str]]:
    return [(pair.noisy.name, pair.clean.name) for pair in pairs]


def refused(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        find_pairs(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("noisy", "clean"), [("noisy", "clean"), ("noisy", "GT"), ("Noisy", "DIV2K_train_HR_sub")])
def test_two_folders_with_the_same_names(tmp_path: Path, noisy: str, clean: str) -> None:
    write(tmp_path / noisy, ["2.png", "10.png", "sub/1.png"])
    write(tmp_path / clean, ["2.bmp", "10.png", "sub/1.png"])
    assert names(find_pairs(tmp_path)) == [("2.png", "2.bmp"), ("10.png", "10.png"), ("1.png", "1.png")]


def test_real_and_mean_in_one_folder(tmp_path: Path) -> None:
    write(tmp_path, ["Canon_2_real.JPG", "Canon_2_mean.JPG", "Canon_10_Real.JPG", "Canon_10_mean.JPG", "cover.png"])
    assert names(find_pairs(tmp_path)) == [
        ("Canon_2_real.JPG", "Canon_2_mean.JPG"),
        ("Canon_10_Real.JPG", "Canon_10_mean.JPG"),
    ]


def test_images_without_a_partner_are_listed(tmp_path: Path) -> None:
    write(tmp_path, [f"{n}_real.png" for n in range(12)])
    write(tmp_path, [f"{n}_mean.png" for n in range(2)])
    message = refused(tmp_path)
    assert "10 images have no clean partner: 2_real.png, 3_real.png" in message
    assert message.endswith("and 2 more")
    write(tmp_path / "two" / "noisy", ["1.png"])
    write(tmp_path / "two" / "GT", ["1.png", "2.png"])
    assert "1 images have no noisy partner: 2.png" in refused(tmp_path / "two")


def test_doubles_sizes_and_folders_that_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a" / "noisy", ["1.png", "1.bmp"])
    write(tmp_path / "a" / "clean", ["1.png"])
    assert "differ in their suffix alone: 1.bmp, 1.png" in refused(tmp_path / "a")
    write(tmp_path / "b" / "noisy", ["1.png"])
    write(tmp_path / "b" / "clean", ["1.png"], size=(8, 6))
    assert "1 pairs differ in size (width x height): 1.png 8x6, 1.png 6x8" in refused(tmp_path / "b")
    write(tmp_path / "b" / "GT", ["1.png"])
    assert "GT and clean may both be meant" in refused(tmp_path / "b")
    write(tmp_path / "c", ["1.png", "2.png"])
    assert "no pairs in it; there should be folders noisy and clean" in refused(tmp_path / "c")
    assert "no such folder" in refused(tmp_path / "none")


def test_clean_photos(tmp_path: Path) -> None:
    write(tmp_path / "photos", ["10.png", "2.tif", "sub/1.jpg"])
    assert [path.name for path in find_photos(tmp_path / "photos")] == ["2.tif", "10.png", "1.jpg"]
    assert list(clean_sets(tmp_path / "photos")) == ["photos"]
    write(tmp_path / "pairs" / "noisy", ["1.png"])
    with pytest.raises(InputError, match="has a folder noisy; clean photos are wanted"):
        find_photos(tmp_path / "pairs")


def test_published_sets_are_known_by_their_folders(tmp_path: Path) -> None:
    write(tmp_path / "CBSD68", ["1.png", "2.png"])
    write(tmp_path / "McM", ["1.tif"])
    write(tmp_path / "kodak24", ["1.png"])
    write(tmp_path / "Urban100", ["1.png"])
    write(tmp_path / "SSID" / "SIDD_test_PNG" / "GT", ["1.png"])
    write(tmp_path / "SSID" / "SIDD_test_PNG" / "noisy", ["1.png"])
    write(tmp_path / "PolyU", ["1_real.JPG", "1_mean.JPG"])
    write(tmp_path / "CC", ["1_real.png", "1_mean.png"])
    assert {name: len(found) for name, found in clean_sets(tmp_path).items()} == {
        "CBSD68": 2, "McM": 1, "Kodak": 1, "Urban100": 1
    }  # fmt: skip
    assert {name: len(pairs) for name, pairs in real_sets(tmp_path).items()} == {"CC": 1, "PolyU": 1, "SIDD": 1}
    (tmp_path / "SSID").rename(tmp_path / "SIDD")
    assert "SIDD" in real_sets(tmp_path)
    assert list(real_sets(tmp_path / "CC")) == ["CC"]
