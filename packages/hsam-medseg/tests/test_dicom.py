"""DICOM: slices in order and in place whatever the files are called, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hsam_medseg.data.labels import read_labels, write_labels
from hsam_medseg.data.scans import read_volume
from visioncore.errors import InputError
from visioncore.medical import Volume

pydicom: Any = import_module("pydicom")
Dataset: Any = pydicom.Dataset

AXIAL = (1.0, 0, 0, 0, 1, 0)
CORONAL = (1.0, 0, 0, 0, 0, -1)
# unit vectors at right angles
OBLIQUE = (0.96, 0.28, 0, -0.168, 0.576, 0.8)
SPACING = (0.8, 0.6)
"""Between rows, then between columns."""

CT_STORAGE, ENHANCED_CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"
EXPLICIT = "1.2.840.10008.1.2.1"


def write_file(path: Path, pixels: np.ndarray, **attributes: Any) -> Path:
    """Write a CT file with ``pixels`` (rows, columns) or (frames, rows, columns)."""
    dataset = Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = EXPLICIT
    values = {
        "SOPClassUID": CT_STORAGE,
        "SOPInstanceUID": f"1.2.826.0.1.{sum(path.name.encode())}.{len(list(path.parent.glob('*')))}",
        "StudyInstanceUID": "1.2.826.0.2",
        "SeriesInstanceUID": "1.2.826.0.3",
        "FrameOfReferenceUID": "1.2.826.0.4",
        "Modality": "CT",
        "Rows": pixels.shape[-2],
        "Columns": pixels.shape[-1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 8 * pixels.dtype.itemsize,
        "BitsStored": 8 * pixels.dtype.itemsize,
        "HighBit": 8 * pixels.dtype.itemsize - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "RescaleSlope": 1,
        "RescaleIntercept": 0,
        **attributes,
        "PixelData": pixels.tobytes(),
    }
    for name, value in values.items():
        if value is not None:
            setattr(dataset, name, value)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def normal(orientation: Sequence[float]) -> np.ndarray:
    return np.cross(orientation[:3], orientation[3:])


def write_series(
    folder: Path,
    positions: Iterable[float] = (0, 5, 10, 15),
    orientation: Sequence[float] = AXIAL,
    names: Sequence[str] = (),
    **attributes: Any,
) -> Path:
    """Write slices at distances along their normal; their pixels count on from slice to slice in that order."""
    start = np.array([-100.0, 37.5, 12.25])
    for number, distance in enumerate(positions):
        rank = sorted(positions).index(distance)
        pixels = (np.arange(20).reshape(4, 5) + 100 * rank).astype(np.int16)
        place = {
            "ImagePositionPatient": [*np.round(start + distance * normal(orientation), 6)],
            "ImageOrientationPatient": list(orientation),
            "PixelSpacing": list(SPACING),
            "SliceThickness": 5,
            "InstanceNumber": number + 1,
        }
        write_file(folder / (names[number] if names else f"IM{number:04d}.dcm"), pixels, **{**place, **attributes})
    return folder


def in_order(volume: Volume) -> bool:
    return bool(
        (volume.voxels == np.arange(20).reshape(4, 5) + 100 * np.arange(len(volume.voxels))[:, None, None]).all()
    )


def check_places(volume: Volume, orientation: Sequence[float], step: float = 5) -> None:
    """Compare places in mm with the standard's formula; DICOM's axes are left and back, NIfTI's right and front."""
    along_row, along_column = np.array(orientation[:3]), np.array(orientation[3:])
    for column, row, number in ((0, 0, 0), (4, 1, 2), (2, 3, 3)):
        left_back_up = (
            np.array([-100.0, 37.5, 12.25])
            + number * step * normal(orientation)
            + column * SPACING[1] * along_row
            + row * SPACING[0] * along_column
        )
        np.testing.assert_allclose(
            (volume.affine @ [column, row, number, 1])[:3], left_back_up * [-1, -1, 1], atol=1e-5
        )


def refused(path: Path, series: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read_volume(path, series=series)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


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
    write_file(folder / "plan.dcm", np.zeros((2, 2), np.uint8), Modality="RTDOSE", SeriesInstanceUID="1.2.9")
    volume = read_volume(folder)
    assert in_order(volume)
    assert find_volumes([tmp_path]) == [folder]


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
    write_file(
        tmp_path / "image.dcm",
        np.array([[0, 1000, 4095]], np.uint16),
        Modality=modality,
        PhotometricInterpretation="MONOCHROME1",
        BitsStored=12,
    )
    with pytest.warns(UserWarning, match="does not say where"):
        assert read_volume(tmp_path / "image.dcm").voxels.tolist() == [[expected]]


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
    write_file(folder / "larger.dcm", np.zeros((6, 5), np.int16), ImagePositionPatient=[-100, 37.5, 32.25],
               ImageOrientationPatient=list(AXIAL), PixelSpacing=list(SPACING))  # fmt: skip
    assert "several sizes" in refused(folder)


@pytest.mark.parametrize(
    "change", [{"ImageOrientationPatient": list(CORONAL)}, {"PixelSpacing": [0.8, 0.7]}, {"PixelSpacing": [0.6, 0.8]}]
)
def test_slices_at_several_angles_or_of_several_pixel_sizes_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = write_series(tmp_path / "series")
    write_series(folder, (20,), names=("other",), **change)
    assert "several orientations or pixel sizes" in refused(folder)


def test_slices_without_a_place_among_others_are_refused(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series")
    write_series(folder, (20,), names=("lost",), ImagePositionPatient=None)
    assert "1 of 5 slices say nothing of their place, first lost" in refused(folder)


def test_slices_without_any_place_are_ordered_by_number(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "series", ImagePositionPatient=None, names=("d", "c", "b", "a"))
    with pytest.warns(UserWarning, match="does not say where"):
        volume = read_volume(folder)
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
    assert "no picture of a scan" in refused(tmp_path / "notes.dcm")


@pytest.mark.parametrize("change", [{"RescaleSlope": "1.25"}, {"PixelSpacing": ["1.25", "1.25"]}])
def test_headers_with_impossible_values_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = write_series(tmp_path / "series", (0,), **change) / "IM0000.dcm"
    path.write_bytes(path.read_bytes().replace(b"1.25", b"a.bc"))
    assert "damaged" in refused(path)


def test_labels_are_not_read_from_dicom(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="convert them to NIfTI"):
        read_labels(write_series(tmp_path / "series"))


def test_labels_of_a_series_are_written_as_nifti_in_its_place(tmp_path: Path) -> None:
    volume = read_volume(write_series(tmp_path / "series", (10, 0, 15, 5), OBLIQUE))
    labels = volume.oriented("RAS").with_voxels(volume.oriented("RAS").voxels % 3)
    write_labels(tmp_path / "labels.nii.gz", labels.oriented(volume.orientation))
    read = read_labels(tmp_path / "labels.nii.gz")
    np.testing.assert_array_equal(read.voxels, volume.voxels % 3)
    np.testing.assert_allclose(read.affine, volume.affine, atol=1e-4)


# files of several frames


def write_enhanced(path: Path, order: Sequence[int] = (0, 1, 2, 3), orientation: Sequence[float] = OBLIQUE) -> Path:
    """Write an enhanced CT whose frames lie in ``order`` along their normal."""

    def group(**attributes: Any) -> Any:
        item = Dataset()
        for name, value in attributes.items():
            setattr(item, name, value)
        return [item]

    frames = []
    for rank in order:
        position = np.array([-100.0, 37.5, 12.25]) + rank * 5 * normal(orientation)
        frames += group(
            PlanePositionSequence=group(ImagePositionPatient=[*np.round(position, 6)]),
            PixelValueTransformationSequence=group(RescaleSlope=rank + 1, RescaleIntercept=-10),
        )
    shared = group(
        PlaneOrientationSequence=group(ImageOrientationPatient=list(orientation)),
        PixelMeasuresSequence=group(PixelSpacing=list(SPACING), SliceThickness=5),
    )
    pixels = np.stack([np.full((4, 5), 100 + rank, np.int16) for rank in order])
    return write_file(
        path, pixels, NumberOfFrames=len(order), SOPClassUID=ENHANCED_CT_STORAGE, RescaleSlope=None,
        RescaleIntercept=None, PerFrameFunctionalGroupsSequence=frames, SharedFunctionalGroupsSequence=shared,
    )  # fmt: skip


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_frames_of_an_enhanced_file_are_slices(tmp_path: Path, order: tuple[int, ...]) -> None:
    volume = read_volume(write_enhanced(tmp_path / "enhanced.dcm", order))
    check_places(volume, OBLIQUE)
    assert volume.voxels[:, 0, 0].tolist() == [100 - 10, 101 * 2 - 10, 102 * 3 - 10, 103 * 4 - 10]
    assert read_volume(tmp_path).voxels.shape == (4, 4, 5)


def test_frames_in_one_place_are_refused(tmp_path: Path) -> None:
    assert "lie in one place" in refused(write_enhanced(tmp_path / "phases.dcm", (0, 1, 0, 1)))


def test_frames_without_a_place_keep_their_order(tmp_path: Path) -> None:
    pixels = np.stack([np.full((4, 5), number, np.uint8) for number in (7, 3, 5)])
    # one position for all frames is true of none but the first
    path = write_file(tmp_path / "film.dcm", pixels, NumberOfFrames=3, ImagePositionPatient=[0, 0, 0],
                      ImageOrientationPatient=list(AXIAL), PixelSpacing=list(SPACING))  # fmt: skip
    with pytest.warns(UserWarning, match="does not say where"):
        assert read_volume(path).voxels[:, 0, 0].tolist() == [7, 3, 5]
