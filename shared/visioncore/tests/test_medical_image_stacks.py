"""Slices as images: in order, alike, as images and as labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visioncore.errors import InputError
from visioncore.medical import ScanReader, Volume
from visioncore.medical.image_stacks import write_slice, write_stack

read_volume = ScanReader().read


def read_labels(path: Path) -> Volume:
    return read_volume(path, labels=True)


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_volume(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    return message


def save(path: Path, values: np.ndarray, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [(".png", np.uint8), (".png", np.uint16), (".tif", np.uint8), (".tif", np.uint16), (".tif", np.float32)],
)
def test_a_folder_of_images_is_a_volume_in_natural_order(tmp_path: Path, suffix: str, dtype: Any) -> None:
    for number in (10, 9, 1, 2, 11):
        save(tmp_path / "scan" / f"slice{number}{suffix}", np.full((4, 5), number * 17, dtype))
    (tmp_path / "scan" / "notes.txt").write_text("not a image")
    (tmp_path / "scan" / f"._slice1{suffix}").write_bytes(b"left by a file manager")
    volume = read_volume(tmp_path / "scan")
    assert volume.voxels.shape == (5, 4, 5)
    assert volume.voxels.dtype == dtype
    assert volume.voxels[:, 0, 0].tolist() == [17, 34, 153, 170, 187]
    assert not volume.located


def test_colour_slices_have_colours_last(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    slices = rng.integers(0, 256, (2, 4, 5, 3)).astype(np.uint8)
    for number, values in enumerate(slices):
        save(tmp_path / f"{number}.png", np.dstack([values, np.full((4, 5), 100, np.uint8)]))
    np.testing.assert_array_equal(read_volume(tmp_path).voxels, slices)


def test_pages_of_a_tiff_are_slices(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((4, 5), number, np.uint16)) for number in (7, 3, 5)]
    (tmp_path / "scan").mkdir()
    path = tmp_path / "scan" / "scan.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    assert read_volume(path).voxels[:, 0, 0].tolist() == [7, 3, 5]
    assert read_volume(path.parent).voxels[:, 0, 0].tolist() == [7, 3, 5]
    save(path.with_name("other.tif"), np.zeros((4, 5), np.uint16))
    with pytest.raises(InputError, match=r"scan\.tif: has 3 pages"):
        read_volume(path.parent)


def test_one_image_is_a_volume_of_one_slice(tmp_path: Path) -> None:
    assert read_volume(save(tmp_path / "grey.jpg", np.full((4, 5), 99, np.uint8))).voxels.shape == (1, 4, 5)
    assert read_volume(save(tmp_path / "rgb.png", np.zeros((4, 5, 3), np.uint8))).voxels.shape == (1, 4, 5, 3)
    assert read_volume(save(tmp_path / "bits.png", np.eye(4, dtype=bool))).voxels.tolist() == [
        (255 * np.eye(4)).tolist()
    ]


def test_labels_are_the_numbers_of_a_palette(tmp_path: Path) -> None:
    numbers = np.arange(20, dtype=np.uint8).reshape(4, 5) % 7
    image = Image.frombytes("P", (5, 4), numbers.tobytes())
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768).astype(np.uint8).tobytes())
    image.save(tmp_path / "0.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "0.png").voxels, numbers[None])
    assert read_volume(tmp_path / "0.png").voxels.shape == (1, 4, 5, 3)
    np.testing.assert_array_equal(read_labels(save(tmp_path / "1.png", numbers.astype(bool))).voxels, numbers[None] > 0)


@pytest.mark.parametrize(
    "other", [np.zeros((4, 6), np.uint8), np.zeros((4, 5), np.uint16), np.zeros((4, 5, 3), np.uint8)]
)
def test_slices_of_several_kinds_are_refused(tmp_path: Path, other: np.ndarray) -> None:
    save(tmp_path / "scan" / "1.png", np.zeros((4, 5), np.uint8))
    save(tmp_path / "scan" / "2.png", other)
    assert "2.png" in refused(tmp_path / "scan")


def test_a_truncated_image_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "slice.png", np.random.default_rng(0).integers(0, 256, (50, 50)).astype(np.uint8))
    path.write_bytes(path.read_bytes()[:1000])
    assert "truncated" in refused(path)


def test_labels_of_a_stack_are_images_of_the_same_names(tmp_path: Path) -> None:
    for name in ("b10.png", "b9.png"):
        save(tmp_path / "scan" / name, np.zeros((4, 5), np.uint8))
    volume = read_volume(tmp_path / "scan")
    labels = volume.with_voxels(np.arange(300, 340, dtype=np.uint16).reshape(2, 4, 5))
    write_stack(tmp_path / "labels", labels)
    assert sorted(path.name for path in (tmp_path / "labels").iterdir()) == ["b10.png", "b9.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "labels" / "b9.png")), labels.voxels[0])
    np.testing.assert_array_equal(read_labels(tmp_path / "labels").voxels, labels.voxels)


def test_labels_of_any_volume_can_be_images(tmp_path: Path) -> None:
    labels = Volume(np.arange(60, dtype=np.uint8).reshape(3, 4, 5))
    write_stack(tmp_path / "labels", labels)
    np.testing.assert_array_equal(read_labels(tmp_path / "labels").voxels, labels.voxels)
    write_slice(tmp_path / "one.png", labels.voxels[0])
    np.testing.assert_array_equal(read_labels(tmp_path / "one.png").voxels, labels.voxels[:1])
