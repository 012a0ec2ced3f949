"""The figure of a segmented scan: which slices, which way up, in which shape, what is coloured."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hsam_medseg import Preprocessing, Segmentation, Volume
from hsam_medseg.data.organ_colours import organ_colours
from hsam_medseg.inference.preview import FILL, cut_planes, overlay, slices_to_show
from hsam_medseg.inference.preview_sheet import draw_image, lay_out
from visioncore.errors import InputError

Array = np.ndarray[Any, Any]
CODES = [
    "".join(letters) for axes in itertools.permutations(("LR", "PA", "IS")) for letters in itertools.product(*axes)
]
RED, GREEN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


def scan(voxels: Array, steps: tuple[float, float, float] = (3, 1, 2)) -> Volume:
    """A scan in LPS order with steps in mm from slice to slice, row to row and column to column."""
    return Volume(voxels, np.diag([-steps[2], -steps[1], steps[0], 1.0]), located=True)


def marked(shape: tuple[int, int, int], *points: tuple[int, int, int]) -> Array:
    """Labels with 1, 2, ... at points."""
    labels = np.zeros(shape, np.uint8)
    for label, point in enumerate(points, 1):
        labels[point] = label
    return labels


# which slices


def test_slices_go_where_most_of_the_organs_are() -> None:
    labels = np.zeros((6, 7, 8), np.uint8)
    labels[1, 1:6, 1:7] = 1
    labels[4, 1:5, 1:5] = 1
    labels[4, 5, 5] = 2
    assert slices_to_show(labels, [1, 2]) == (4, 5, 5)
    assert slices_to_show(labels, [1])[0] == 1
    assert slices_to_show(labels, [2]) == (4, 5, 5)


@pytest.mark.parametrize("seed", range(5))
def test_slices_are_those_of_counting_every_voxel(seed: int) -> None:
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, 5, (5, 6, 7)) * (chance.random((5, 6, 7)) < 0.4)
    counts = [
        [(labels == label).sum(axis=tuple({0, 1, 2} - {axis})) for label in (2, 3, 4)] for axis in range(labels.ndim)
    ]
    expected = tuple(int(sum(areas / areas.max() for areas in along).argmax()) for along in counts)
    assert slices_to_show(labels.astype(np.uint16), [2, 3, 4]) == expected


def test_without_organs_slices_are_in_the_middle() -> None:
    labels = marked((5, 7, 9), (0, 0, 0))
    assert slices_to_show(np.zeros_like(labels), [1, 2]) == (2, 3, 4)
    assert slices_to_show(labels, []) == (2, 3, 4)


# which way


def test_planes_are_seen_as_radiologists_do() -> None:
    shape = (4, 5, 6)
    volume = scan(np.arange(120, dtype=np.float32).reshape(shape))
    axial, coronal, sagittal = cut_planes(volume, volume.with_voxels(marked(shape, (1, 2, 3))), {}, "0,119")
    assert [plane.name for plane in (axial, coronal, sagittal)] == ["axial", "coronal", "sagittal"]
    # no label is coloured, so slices are in the middle: 2, 2, 3
    np.testing.assert_allclose(axial.image[..., 0], volume.voxels[2] / 119, rtol=1e-6)
    np.testing.assert_allclose(coronal.image[..., 1], volume.voxels[::-1, 2] / 119, rtol=1e-6)
    np.testing.assert_allclose(sagittal.image[..., 2], volume.voxels[::-1, :, 3] / 119, rtol=1e-6)
    assert [plane.letters for plane in (axial, coronal, sagittal)] == ["APRL", "SIRL", "SIAP"]


@pytest.mark.parametrize("code", CODES)
def test_the_order_in_which_a_scan_is_stored_does_not_matter(code: str) -> None:
    volume = scan(np.random.default_rng(0).random((4, 5, 6), np.float32))
    labels = volume.with_voxels(marked((4, 5, 6), (1, 2, 3), (3, 0, 3)))
    stored, turned = (
        lay_out(seen, labels.oriented(seen.orientation), {1: "one", 2: "two"}, "0,1").planes
        for seen in (volume, volume.oriented(code))
    )
    for (plane, _), (other, _) in zip(stored, turned, strict=True):
        np.testing.assert_array_equal(plane.image, other.image)
        assert plane.millimetres == pytest.approx(other.millimetres)


def test_planes_have_the_shape_of_the_body() -> None:
    volume = scan(np.zeros((4, 5, 6), np.float32))
    planes = cut_planes(volume, volume.with_voxels(marked((4, 5, 6))), {}, "0,1")
    assert [plane.millimetres for plane in planes] == [(5, 12), (12, 12), (12, 5)]


def test_a_scan_without_a_place_is_shown_as_stored() -> None:
    volume = Volume(np.arange(120, dtype=np.float32).reshape(4, 5, 6))
    planes = cut_planes(volume, volume.with_voxels(np.zeros((4, 5, 6), np.uint8)), {}, "0,119")
    np.testing.assert_allclose(planes[1].image[..., 0], volume.voxels[:, 2] / 119, rtol=1e-6)
    assert [plane.name for plane in planes] == ["rows, columns", "slices, columns", "slices, rows"]
    assert [plane.letters for plane in planes] == ["", "", ""]


@pytest.mark.parametrize(("shape", "count"), [((1, 5, 6), 1), ((4, 1, 6), 2), ((4, 5, 1), 2), ((1, 1, 1), 1)])
def test_planes_of_one_line_are_left_out(shape: tuple[int, int, int], count: int) -> None:
    volume = scan(np.zeros(shape, np.float32))
    assert len(cut_planes(volume, volume.with_voxels(marked(shape)), {}, "0,1")) == count


# what is coloured


def test_organs_are_tinted_and_outlined() -> None:
    labels = np.zeros((7, 8), np.uint8)
    labels[1:5, 1:5] = 1
    labels[1:5, 5] = 2
    labels[6, 7] = 3
    grey = np.full((7, 8), 0.5, np.float32)
    image = overlay(grey, labels, {1: RED, 2: GREEN})
    assert (grey == 0.5).all()
    np.testing.assert_allclose(image[0], 0.5)
    np.testing.assert_allclose(image[6, 7], 0.5)  # a label that is not to be coloured
    np.testing.assert_allclose(image[2, 2], 0.5 + FILL * (np.array(RED) - 0.5))
    for edge in ((1, 1), (4, 3), (2, 1), (2, 4)):
        np.testing.assert_array_equal(image[edge], RED)
    np.testing.assert_array_equal(image[2, 5], GREEN)


def test_an_organ_cut_by_the_border_has_no_outline_there() -> None:
    labels = np.ones((4, 4), np.uint8)
    np.testing.assert_allclose(overlay(np.zeros((4, 4), np.float32), labels, {1: RED})[0, 0], (FILL, 0, 0))


def test_colour_images_keep_their_colours() -> None:
    colours = np.random.default_rng(0).random((4, 5, 3)).astype(np.float32)
    np.testing.assert_array_equal(overlay(colours, np.zeros((4, 5), np.uint8), {1: RED}), colours)


@pytest.mark.parametrize(("count", "apart"), [(8, 0.35), (20, 0.2)])
def test_no_two_organs_look_alike(count: int, apart: float) -> None:
    colours = np.array(list(organ_colours(range(1, count + 1)).values()))
    distances = np.linalg.norm(colours[:, None] - colours, axis=-1)[~np.eye(count, dtype=bool)]
    assert distances.min() > apart


def test_a_colour_belongs_to_its_label() -> None:
    assert organ_colours([2, 5])[5] == organ_colours(range(1, 9))[5]


# the file


def segmented(labels: Array) -> Segmentation:
    volume = scan(np.full(labels.shape, 50, np.int16))
    return Segmentation(
        volume, volume.with_voxels(labels), ("liver", "spleen"), Preprocessing(window="0,100"), (0, 100), "fused"
    )


def test_a_figure_is_written_with_the_colours_of_what_was_found(tmp_path: Path) -> None:
    labels = np.zeros((8, 9, 10), np.uint8)
    labels[2:6, 2:6, 2:6] = 2
    segmented(labels).plot(tmp_path / "new" / "preview.png")
    with Image.open(tmp_path / "new" / "preview.png") as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    one, two = (np.round(np.array(colour) * 255) for colour in organ_colours([1, 2]).values())
    assert (np.abs(pixels - two).max(axis=1) <= 1).sum() > 200
    assert not (np.abs(pixels - one).max(axis=1) <= 1).any()
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["preview.png"]


def test_the_preview_is_the_figure_without_matplotlib(tmp_path: Path) -> None:
    labels = np.zeros((8, 9, 10), np.uint8)
    labels[2:6, 2:6, 2:6], labels[6, 7, 1:9] = 2, 1
    result = segmented(labels)
    result.save_preview(tmp_path / "scan.nii.gz")
    result.plot(tmp_path / "figure.png")
    with Image.open(tmp_path / "scan.png") as preview, Image.open(tmp_path / "figure.png") as figure:
        assert preview.size == figure.size
        assert preview.info["dpi"] == pytest.approx((150, 150), abs=0.1)
        drawn, expected = (np.asarray(image.convert("RGB")).astype(int) for image in (preview, figure))
    # in planes one pixel at the border of voxels may fall to either; the edges of letters differ
    apart = np.abs(drawn - expected).max(axis=2) > 1
    assert apart.mean() < 0.015


def test_planes_are_at_the_pixel_where_they_belong() -> None:
    voxels = np.arange(8, dtype=np.float32).reshape(1, 4, 2)
    sheet = lay_out(scan(voxels, (1, 1, 1)), scan(np.zeros((1, 4, 2), np.uint8)), {}, "0,7")
    pixels = draw_image(sheet).pixels[..., 0]
    box = sheet.planes[0][1]
    left, side = round(box.left * 150), round(box.wide * 150) // 2
    top = round((sheet.height - box.bottom - box.tall) * 150)
    assert (left, side) == (225, 225)
    for row, column in np.ndindex(4, 2):
        voxel = pixels[top + row * side : top + (row + 1) * side, left + column * side : left + (column + 1) * side]
        assert voxel[2, 2] == voxel[-3, -3] == round(float(voxels[0, row, column]) / 7 * 255)
    assert not pixels[:, : left - 1].any()
    assert not pixels[:, left + 2 * side + 1 :].any()


@pytest.mark.parametrize("shape", [(1, 40, 3), (300, 4, 4), (2, 2000, 3)])
def test_scans_of_odd_shapes_have_a_preview(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    segmented(np.ones(shape, np.uint8)).save_preview(tmp_path / "a.nii.gz")
    with Image.open(tmp_path / "a.png") as image:
        assert max(image.size) < 2200


def test_a_preview_needs_nothing_of_matplotlib_but_its_font(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("figure", "patches", "font_manager", "backends"):
        monkeypatch.setitem(sys.modules, f"matplotlib.{part}", None)
    segmented(np.ones((2, 3, 4), np.uint8)).save_preview(tmp_path / "a.nii.gz")
    assert (tmp_path / "a.png").is_file()


def test_the_legend_tells_sizes(tmp_path: Path) -> None:
    labels = np.zeros((8, 9, 10), np.uint8)
    labels[:4] = 2
    labels[5, 0, 0] = 1
    result = segmented(labels)
    result.plot(tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert "liver  0.006 ml" in text
    assert "spleen  2.2 ml" in text
    unplaced = Volume(result.scan.voxels)
    for changed, told in ((labels * 0, "nothing found"), (labels, "spleen  360 voxels")):
        Segmentation(
            unplaced, unplaced.with_voxels(changed), result.classes, result.preprocessing, (0, 100), "fused"
        ).plot(tmp_path / "b.svg")
        assert told in (tmp_path / "b.svg").read_text()


def test_a_figure_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(InputError, match="could not be written"):
        segmented(np.ones((2, 3, 4), np.uint8)).plot(tmp_path / "a.png")


@pytest.mark.parametrize("shape", [(1, 40, 3), (300, 4, 4), (2, 400, 300)])
def test_scans_of_odd_shapes_have_a_figure(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    segmented(np.ones(shape, np.uint8)).plot(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert max(image.size) < 2200
