"""DICOM: slices in order and in place whatever the files are called, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visioncore.errors import InputError
from visioncore.medical import ScanReader, Volume
from visioncore.testing.dicom_files import (
    AXIAL,
    SPACING,
    place_of,
    write_enhanced,
    write_series,
    write_slice,
)
from visioncore.testing.refusals import refusal

READER = ScanReader()
read_volume = READER.read
CT = ScanReader("CT scan", ("DICOM",), modality="CT", placed=False)
"""Takes slices as they are."""

CORONAL = (1.0, 0, 0, 0, 0, -1)
OBLIQUE = (0.96, 0.28, 0, -0.168, 0.576, 0.8)


def in_order(volume: Volume) -> bool:
    return bool(
        (volume.voxels == np.arange(20).reshape(4, 5) + 100 * np.arange(len(volume.voxels))[:, None, None]).all()
    )


def check_places(volume: Volume, orientation: Sequence[float], step: float = 5) -> None:
    """Compare places in mm with the standard's formula; DICOM's axes are left and back, NIfTI's right and front."""
    along_row, along_column = np.array(orientation[:3]), np.array(orientation[3:])
    for column, row, number in ((0, 0, 0), (4, 1, 2), (2, 3, 3)):
        left_back_up = (
            np.array(place_of(number * step, orientation))
            + column * SPACING[1] * along_row
            + row * SPACING[0] * along_column
        )
        np.testing.assert_allclose(
            (volume.affine @ [column, row, number, 1])[:3], left_back_up * [-1, -1, 1], atol=1e-5
        )


refused = partial(refusal, read_volume)


# series


@pytest.mark.parametrize(
    ("orientation", "code"), [(AXIAL, "LPS"), (CORONAL, "LIP"), (OBLIQUE, "LSA"), ((0.0, 1, 0, 0, 0, -1), "PIR")]
)
@pytest.mark.parametrize(
    "positions", [(0, 5, 10, 15), (15, 10, 5, 0), (10, 0, 15, 5)], ids=["upwards", "downwards", "mixed"]
)
def test_slices_are_put_in_order_and_in_place(
    tmp_path: Path, positions: tuple[float, ...], orientation: Sequence[float], code: str
) -> None:
    volume = read_volume(write_series(tmp_path / "series", positions, orientation))
    assert in_order(volume)
    check_places(volume, orientation)
    assert volume.located
    assert volume.orientation == code
    assert volume.spacing == pytest.approx((5, *SPACING))
    assert volume.voxel_ml == pytest.approx(5 * 0.8 * 0.6 / 1000)
    assert volume.oriented("LPS").orientation == "LPS"


def test_names_and_other_files_do_not_matter(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", names=("z", "image.10", "IM3", "1.ima"))
    (folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    (folder / "notes.txt").write_text("of the radiologist")
    (folder / "thumbnail.png").write_bytes(b"of the viewer")
    (folder / "IMAGES").mkdir()
    write_slice(folder / "plan.dcm", np.zeros((2, 2), np.uint8), Modality="RTDOSE", SeriesInstanceUID="1.2.9")
    volume = read_volume(folder)
    assert in_order(volume)
    assert READER.find(tmp_path) == [folder]


def test_old_files_without_the_mark_are_read(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series")
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[132:])
    assert in_order(read_volume(folder))


def test_one_file_is_one_slice_as_thick_as_it_says(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series")
    volume = read_volume(folder / "IM0002.dcm")
    assert volume.voxels.shape == (1, 4, 5)
    assert volume.spacing == pytest.approx((5, *SPACING))
    np.testing.assert_allclose(volume.affine[:3, 3], [100, -37.5, 22.25])
    apart = write_series(tmp_path / "apart", (0,), SpacingBetweenSlices=-7.5)
    assert read_volume(apart).spacing[0] == pytest.approx(7.5)
    assert "IM0000.dcm: the slice is -7.5 mm thick by its header; 7.5 mm are taken" in read_volume(apart).notes[0]


def test_one_slice_of_unknown_thickness_lies_nowhere(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", (0,), SliceThickness=None)
    volume = read_volume(folder)
    assert not volume.located
    assert volume.spacing == pytest.approx((1, *SPACING))
    assert len(volume.notes) == 1
    assert volume.notes[0].startswith(f"{folder}: the DICOM header does not say where the voxels lie, or how thick")


def test_steps_are_those_of_the_positions_not_the_thickness(tmp_path: Path) -> None:
    volume = read_volume(write_series(tmp_path / "series", (0, 2.5, 5), SliceThickness=10, SpacingBetweenSlices=10))
    assert volume.spacing[0] == pytest.approx(2.5)


def test_rounded_positions_are_even_enough(tmp_path: Path) -> None:
    volume = read_volume(write_series(tmp_path / "series", [round(number * 0.625, 1) for number in range(20)]))
    assert in_order(volume)
    assert volume.spacing[0] == pytest.approx(0.625, abs=0.01)


def test_a_tilted_gantry_shears_the_volume(tmp_path: Path) -> None:
    for number in range(4):
        position = [0, 1.5 * number, 5.0 * number]
        write_series(tmp_path / "series", (0,), names=(f"{number}.dcm",), ImagePositionPatient=position)
    volume = read_volume(tmp_path / "series")
    np.testing.assert_allclose((volume.affine @ [0, 0, 3, 1])[:3], [0, -4.5, 15], atol=1e-6)
    assert volume.voxel_ml == pytest.approx(5 * 0.8 * 0.6 / 1000)


def test_hounsfield_units(tmp_path: Path) -> None:
    volume = read_volume(write_series(tmp_path / "a", RescaleSlope=2, RescaleIntercept=-1024))
    assert volume.voxels.dtype == np.float32
    np.testing.assert_array_equal(volume.voxels[0], np.arange(20).reshape(4, 5) * 2 - 1024)
    for number, slope in enumerate((1, 2, 0.5)):  # PET has one for each slice
        write_series(tmp_path / "b", (number,), names=(f"{number}.dcm",), RescaleSlope=slope)
    np.testing.assert_array_equal(read_volume(tmp_path / "b").voxels[:, 0, 4], [4, 8, 2])
    assert read_volume(write_series(tmp_path / "c", RescaleSlope=None, RescaleIntercept=None)).voxels.dtype == np.int16


@pytest.mark.parametrize(("modality", "expected"), [("CT", [0, 1000, 4095]), ("CR", [4095, 3095, 0])])
def test_dark_for_high_is_turned_round_only_where_values_mean_nothing(
    tmp_path: Path, modality: str, expected: list[int]
) -> None:
    write_slice(
        tmp_path / "image.dcm",
        np.array([[0, 1000, 4095]], np.uint16),
        Modality=modality,
        PhotometricInterpretation="MONOCHROME1",
        BitsStored=12,
    )
    volume = read_volume(tmp_path / "image.dcm")
    assert volume.voxels.tolist() == [[expected]]
    assert "does not say where" in volume.notes[0]


def test_of_two_series_one_must_be_chosen(tmp_path: Path) -> None:
    write_series(tmp_path / "study", names=("a", "b", "c", "d"), SeriesDescription="Thorax 5.0")
    write_series(
        tmp_path / "study", (0, 5), CORONAL, names=("e", "f"), SeriesInstanceUID="1.2.5", SeriesDescription=None
    )
    message = refused(tmp_path / "study")
    assert "2 series" in message
    assert "1.2.826.0.3 (Thorax 5.0, 4 slices)" in message
    assert "1.2.5 (CT, 2 slices)" in message
    assert in_order(read_volume(tmp_path / "study", series="1.2.826.0.3"))
    assert read_volume(tmp_path / "study", series="1.2.5").orientation == "LIP"
    assert "no series 1.2.6 in it; there is 1.2.826.0.3" in refused(tmp_path / "study", series="1.2.6")


@pytest.mark.parametrize("positions", [(0, 5, 15, 20), (0, 5, 10, 20), (0, 10, 15), (0, 5, 10, 15, 22)])
def test_missing_slices_are_refused(tmp_path: Path, positions: tuple[float, ...]) -> None:
    assert re.search(
        r"missing or at uneven steps, (10|7) mm from IM\S+ to IM", refused(write_series(tmp_path / "s", positions))
    )


def test_several_slices_in_one_place_are_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "series", names=("a1", "a2", "a3", "a4"))
    write_series(tmp_path / "series", names=("b1", "b2", "b3", "b4"))
    assert "a1 and b1 lie in one place" in refused(tmp_path / "series")


def test_slices_of_several_sizes_are_refused(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series")
    write_slice(folder / "larger.dcm", np.zeros((6, 5), np.int16), ImagePositionPatient=[-100, 37.5, 32.25],
               ImageOrientationPatient=list(AXIAL), PixelSpacing=list(SPACING))  # fmt: skip
    assert "several sizes or kinds (columns x rows), 5x4 int16 in IM0000.dcm but 5x6 int16 in larger.dcm" in refused(
        folder
    )


@pytest.mark.parametrize(
    "change", [{"ImageOrientationPatient": list(CORONAL)}, {"PixelSpacing": [0.8, 0.7]}, {"PixelSpacing": [0.6, 0.8]}]
)
def test_slices_at_several_angles_or_of_several_pixel_sizes_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = write_series(tmp_path / "series")
    write_series(folder, (20,), names=("other",), **change)
    named = re.search(r"several orientations or pixel sizes, as of (\S+) and (\S+);", refused(folder))
    assert named is not None
    assert [name.startswith("other") for name in named.groups()] in ([False, True], [True, False])


def test_slices_without_a_place_among_others_are_refused(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series")
    write_series(folder, (20,), names=("lost",), ImagePositionPatient=None)
    assert "1 of 5 slices say nothing of their place, first lost" in refused(folder)


def test_slices_without_any_place_are_ordered_by_number(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", ImagePositionPatient=None, names=("d", "c", "b", "a"))
    volume = read_volume(folder)
    assert "does not say where" in volume.notes[0]
    assert in_order(volume)
    assert not volume.located
    assert volume.voxel_ml is None
    assert volume.spacing == pytest.approx((5, *SPACING))


@pytest.mark.parametrize("orientation", [(1, 0, 0, 1, 0, 0), (0, 0, 0, 0, 0, 0)])
def test_a_singular_orientation_is_refused(tmp_path: Path, orientation: Sequence[float]) -> None:
    folder = write_series(tmp_path / "series", (0,), ImageOrientationPatient=list(orientation))
    assert "singular" in refused(folder)


@pytest.mark.filterwarnings("ignore:Expected implicit VR")
def test_damaged_files_are_refused(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series")
    path = folder / "IM0001.dcm"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match=r"IM0001\.dcm: the pixels are missing, damaged"):
        read_volume(folder)
    path.write_bytes(path.read_bytes()[:200])
    assert "DICOM" in refused(path)
    (tmp_path / "notes.dcm").write_text("not DICOM at all")
    assert "no image of a scan" in refused(tmp_path / "notes.dcm")


@pytest.mark.parametrize("change", [{"RescaleSlope": "1.25"}, {"PixelSpacing": ["1.25", "1.25"]}])
def test_headers_with_impossible_values_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = write_series(tmp_path / "series", (0,), **change) / "IM0000.dcm"
    path.write_bytes(path.read_bytes().replace(b"1.25", b"a.bc"))
    assert "damaged" in refused(path)


def test_labels_are_not_read_from_dicom(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="convert them to NIfTI"):
        read_volume(write_series(tmp_path / "series"), labels=True)


def test_of_one_modality_others_are_passed_over(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "study")
    write_slice(folder / "other.dcm", np.zeros((2, 2), np.int16), Modality="MR", SeriesInstanceUID="1.2.9")
    assert in_order(CT.read(folder))
    for attributes, there in (({"Modality": "MR"}, "MR"), ({"Modality": "SEG"}, "SEG"), ({"Rows": None}, "CT")):
        path = write_slice(tmp_path / "a.dcm", np.zeros((4, 5), np.int16), **attributes)
        with pytest.raises(InputError, match=rf"a\.dcm: no CT slice in it \({there}\); name a DICOM series of CT"):
            CT.read(path)
    assert CT.read(write_slice(tmp_path / "a.dcm", np.zeros((4, 5), np.int16), Modality=None)).voxels.shape == (1, 4, 5)


def test_a_slope_of_0_counts_as_1(tmp_path: Path) -> None:
    volume = read_volume(write_series(tmp_path / "series", RescaleSlope=0, RescaleIntercept=-5))
    np.testing.assert_array_equal(volume.voxels[0], np.arange(20).reshape(4, 5) - 5)


# slices that need make no stack


def test_missing_slices_are_noted_and_the_others_taken(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", (0, 5, 10, 20, 25, 40))
    volume = CT.read(folder)
    assert len(volume.voxels) == 6
    assert not volume.located
    assert volume.notes == (
        f"{folder}: slices are missing or at uneven steps, 15 mm from IM0004.dcm to IM0005.dcm but 5 mm as a rule, and "
        "1 more such gap; those that are there are taken",
    )


@pytest.mark.parametrize("positions", [(0, 5), (0, 5, 10.4), (0, 0, 5, 5), (3, 3, 3), (3, 3, 3, 5)])
def test_no_gap_is_noted_where_there_is_none(tmp_path: Path, positions: Sequence[float]) -> None:
    assert CT.read(write_series(tmp_path / "series", positions)).notes == ()


@pytest.mark.parametrize("spacing", [[0, 0], [-0.8, 0.6]])
def test_a_spacing_that_is_not_above_0_is_told(tmp_path: Path, spacing: list[float]) -> None:
    folder = write_series(tmp_path / "series", PixelSpacing=spacing)
    told = f"IM0000.dcm: PixelSpacing is {' x '.join(f'{step:g}' for step in spacing)}, not above 0"
    assert told in refused(folder)
    volume = CT.read(folder)
    assert in_order(volume)
    assert told in volume.notes[0]


@pytest.mark.parametrize("attributes", [{"ImageOrientationPatient": [0] * 6}, {"ImagePositionPatient": None}])
def test_slices_are_taken_without_a_place(tmp_path: Path, attributes: dict[str, Any]) -> None:
    volume = CT.read(write_series(tmp_path / "series", **attributes))
    assert in_order(volume)
    assert not volume.located
    assert volume.notes == ()


# files of several frames


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_frames_of_an_enhanced_file_are_slices(tmp_path: Path, order: tuple[int, ...]) -> None:
    path = tmp_path / "enhanced.dcm"
    values, slopes = [100 + rank for rank in order], [rank + 1 for rank in order]
    volume = read_volume(write_enhanced(path, values, [5 * rank for rank in order], slopes, OBLIQUE))
    check_places(volume, OBLIQUE)
    assert volume.voxels[:, 0, 0].tolist() == [100, 101 * 2, 102 * 3, 103 * 4]
    assert read_volume(tmp_path).voxels.shape == (4, 4, 5)


def test_frames_in_one_place_are_refused(tmp_path: Path) -> None:
    assert "lie in one place" in refused(
        write_enhanced(tmp_path / "phases.dcm", (1, 2, 3, 4), (0, 5, 0, 5), (1, 1, 1, 1))
    )


def test_frames_without_a_place_keep_their_order(tmp_path: Path) -> None:
    pixels = np.stack([np.full((4, 5), number, np.uint8) for number in (7, 3, 5)])
    # one position for all frames is true of none but the first
    path = write_slice(tmp_path / "film.dcm", pixels, NumberOfFrames=3, ImagePositionPatient=[0, 0, 0],
                      ImageOrientationPatient=list(AXIAL), PixelSpacing=list(SPACING))  # fmt: skip
    volume = read_volume(path)
    assert volume.voxels[:, 0, 0].tolist() == [7, 3, 5]
    assert "does not say where" in volume.notes[0]
