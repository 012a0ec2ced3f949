"""CT in files: Hounsfield units in and out, everything else kept, and what is refused."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clip_denoising.data.ct import CTVolume, as_volume, read_ct, write_ct
from visioncore.errors import InputError

nibabel: Any = import_module("nibabel")
pydicom: Any = import_module("pydicom")

WriteSlice = Callable[..., Path]
WriteSeries = Callable[..., Path]
Array = np.ndarray[Any, np.dtype[Any]]

OBLIQUE = np.array([[0.1, -1.9, 0.5, 30], [0.7, 0.2, 1.5, -20], [-0.2, 0.3, 4.5, 7], [0, 0, 0, 1.0]])
SAGITTAL = np.array([[0, 0, 2.0, -80], [0.8, 0, 0, -90], [0, 0.8, 0, 11], [0, 0, 0, 1]])
"""The second axis runs upwards."""


def stored(shape: tuple[int, ...] = (4, 5, 6), dtype: Any = np.int16) -> Array:
    return (
        (np.arange(np.prod(shape)) * 7 % 3000 - (1000 if np.dtype(dtype).kind != "u" else 0))
        .reshape(shape)
        .astype(dtype)
    )


def refused(path: Path | str, read: Callable[..., Any] = read_ct) -> str:
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


# npy


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64, np.float16, np.int32, ">i2"])
@pytest.mark.parametrize("shape", [(5, 6), (4, 5, 6)])
def test_npy_keeps_shape_and_type(tmp_path: Path, dtype: Any, shape: tuple[int, ...]) -> None:
    array = stored(shape, dtype)
    np.save(tmp_path / "a.npy", array)
    volume = read_ct(tmp_path / "a.npy")
    assert volume.hu.dtype == np.float32
    np.testing.assert_array_equal(volume.hu, array.reshape(-1, 5, 6))
    assert volume.notes == ()
    write_ct(tmp_path / "b.npy", volume.hu + np.float32(0.4), volume)
    back = np.load(tmp_path / "b.npy")
    assert (back.shape, back.dtype) == (shape, np.dtype(dtype))
    np.testing.assert_allclose(
        back, array if back.dtype.kind == "i" else array + 0.4, atol=0.5 * (dtype == np.float16) + 1e-4
    )


def test_what_a_type_cannot_hold_becomes_the_nearest(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", stored(dtype=np.int16))
    volume = read_ct(tmp_path / "a.npy")
    hu = volume.hu.copy()
    hu[0, 0, :3] = 40000, -40000, 2.6
    write_ct(tmp_path / "b.npy", hu, volume)
    assert np.load(tmp_path / "b.npy")[0, 0, :3].tolist() == [32767, -32768, 3]


def test_arrays_are_volumes(tmp_path: Path) -> None:
    volume = as_volume(stored((5, 6)))
    assert volume.hu.shape == (1, 5, 6)
    write_ct(tmp_path / "new" / "a.npy", volume.hu, volume)
    np.testing.assert_array_equal(read_ct(tmp_path / "new" / "a.npy").hu, volume.hu)
    with pytest.raises(InputError, match=r"the CT volume can be written as \.npy"):
        write_ct(tmp_path / "a.nii", volume.hu, volume)


# NIfTI


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.float32, ">i2"])
def test_nifti_keeps_its_header(tmp_path: Path, name: str, kind: Any, dtype: Any) -> None:
    image = kind(stored(dtype=dtype), OBLIQUE)
    image.header["descrip"] = b"made by the scanner"
    image.header.set_xyzt_units("mm")
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"of the technician"))
    nibabel.save(image, tmp_path / name)
    volume = read_ct(tmp_path / name)
    np.testing.assert_array_equal(volume.hu, stored(dtype=dtype).transpose(2, 1, 0))
    write_ct(tmp_path / "out" / name, volume.hu + np.float32(2), volume)
    back = nibabel.load(tmp_path / "out" / name)
    np.testing.assert_array_equal(np.asarray(back.dataobj), stored(dtype=dtype) + 2)
    assert back.get_data_dtype() == image.get_data_dtype()
    assert type(back) is kind
    assert back.header["descrip"] == image.header["descrip"]
    assert [extension.get_content() for extension in back.header.extensions] == [
        "of the technician"
    ] or back.header.extensions
    for code in ("sform_code", "qform_code"):
        assert back.header[code] == image.header[code]
    np.testing.assert_allclose(back.affine, image.affine, atol=1e-5)


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, -1024.0), (0.5, 10.0), (2.0, 0.0)])
def test_nifti_keeps_its_scaling(tmp_path: Path, slope: float, intercept: float) -> None:
    numbers = np.abs(stored())
    image = nibabel.Nifti1Image(numbers, OBLIQUE)
    image.header.set_slope_inter(slope, intercept)
    nibabel.save(image, tmp_path / "a.nii")
    content = (tmp_path / "a.nii").read_bytes()
    volume = read_ct(tmp_path / "a.nii")
    np.testing.assert_allclose(volume.hu, numbers.transpose(2, 1, 0) * slope + intercept)
    write_ct(tmp_path / "b.nii", volume.hu, volume)
    assert (tmp_path / "b.nii").read_bytes() == content
    write_ct(tmp_path / "b.nii", volume.hu + np.float32(3 * slope), volume)
    assert (nibabel.load(tmp_path / "b.nii").dataobj.get_unscaled() == numbers + 3).all()


def test_slices_are_axial_whatever_the_order_of_axes(tmp_path: Path) -> None:
    array = stored((3, 4, 5))
    nibabel.save(nibabel.Nifti1Image(array, SAGITTAL), tmp_path / "a.nii")
    volume = read_ct(tmp_path / "a.nii")
    assert volume.hu.shape == (4, 5, 3)
    np.testing.assert_array_equal(volume.hu[1], array[:, 1].T)
    write_ct(tmp_path / "b.nii", volume.hu, volume)
    np.testing.assert_array_equal(nibabel.load(tmp_path / "b.nii").get_fdata(), array)


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3, 1), (5, 4, 1)])
def test_nifti_of_other_dimensions(tmp_path: Path, shape: tuple[int, ...]) -> None:
    nibabel.save(nibabel.Nifti1Image(stored(shape), np.eye(4)), tmp_path / "a.nii.gz")
    volume = read_ct(tmp_path / "a.nii.gz")
    write_ct(tmp_path / "b.nii.gz", volume.hu, volume)
    back = nibabel.load(tmp_path / "b.nii.gz")
    assert back.shape == shape
    np.testing.assert_array_equal(back.get_fdata(), stored(shape))


# DICOM


def test_a_series_comes_back_with_other_values_in_its_own_files(
    write_series: WriteSeries, tmp_path: Path, dicom: Any
) -> None:
    folder = write_series(tmp_path / "in", (10, 0, 15, 5), SeriesDescription="Abdomen")
    (folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    (folder / "notes.txt").write_text("of the radiologist")
    volume = read_ct(folder)
    assert volume.notes == ()
    numbers = np.arange(20).reshape(4, 5) + 100 * np.arange(4)[:, None, None]
    np.testing.assert_array_equal(volume.hu, numbers * 2.0 - 1024)
    write_ct(tmp_path / "out", volume.hu + np.float32(6), volume)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"IM{n:04d}.dcm" for n in range(4)]
    series = set()
    for path in (tmp_path / "out").iterdir():
        before, after = dicom.dcmread(folder / path.name), dicom.dcmread(path)
        np.testing.assert_array_equal(after.pixel_array, before.pixel_array + 3)
        for name in (
            "ImagePositionPatient",
            "ImageOrientationPatient",
            "PixelSpacing",
            "RescaleSlope",
            "PatientName",
            "RescaleIntercept",
            "BitsStored",
            "PixelRepresentation",
            "InstanceNumber",
            "StudyInstanceUID",
        ):
            assert after[name] == before[name], name
        assert after.SOPInstanceUID != before.SOPInstanceUID
        assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
        assert after.SourceImageSequence[0].ReferencedSOPInstanceUID == before.SOPInstanceUID
        assert after.ImageType[0] == "DERIVED"
        assert after.SeriesDescription == "Abdomen denoised"
        series.add(after.SeriesInstanceUID)
    assert len(series) == 1
    assert series != {dicom.dcmread(folder / "IM0000.dcm").SeriesInstanceUID}
    np.testing.assert_array_equal(read_ct(tmp_path / "out").hu, volume.hu + 6)


def test_values_stay_as_they_are_where_nothing_was_changed(
    write_series: WriteSeries, tmp_path: Path, dicom: Any
) -> None:
    folder = write_series(tmp_path / "in", RescaleSlope="0.123", RescaleIntercept="-1000.7")
    volume = read_ct(folder)
    write_ct(tmp_path / "out", volume.hu, volume)
    for path in folder.iterdir():
        np.testing.assert_array_equal(
            dicom.dcmread(tmp_path / "out" / path.name).pixel_array, dicom.dcmread(path).pixel_array
        )


def test_values_beyond_the_bits_in_use_become_the_nearest(write_slice: WriteSlice, tmp_path: Path, dicom: Any) -> None:
    path = write_slice(
        tmp_path / "a.dcm", np.zeros((4, 5), np.uint16), BitsStored=12, HighBit=11, RescaleIntercept=-1024
    )
    volume = read_ct(path)
    hu = volume.hu.copy()
    hu[0, 0, :3] = -3000, 9000, 100.4
    write_ct(tmp_path / "b.dcm", hu, volume)
    assert dicom.dcmread(tmp_path / "b.dcm").pixel_array[0, :3].tolist() == [0, 4095, 562]


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"])
def test_implicit_deflated_and_compressed_files(
    write_slice: WriteSlice, tmp_path: Path, dicom: Any, syntax: str
) -> None:
    pixels = np.arange(64, dtype=np.int16).reshape(8, 8)
    path = write_slice(tmp_path / "a.dcm", pixels, syntax)
    volume = read_ct(path)
    np.testing.assert_array_equal(volume.hu[0], pixels * 2.0 - 1024)
    write_ct(tmp_path / "b.dcm", volume.hu + np.float32(2), volume)
    after = dicom.dcmread(tmp_path / "b.dcm")
    assert after.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    np.testing.assert_array_equal(after.pixel_array, pixels + 1)


def test_the_order_of_bytes_is_kept(write_slice: WriteSlice, tmp_path: Path, dicom: Any) -> None:
    pixels = np.arange(64, dtype=np.int16).reshape(8, 8)
    data = dicom.dcmread(write_slice(tmp_path / "little.dcm", pixels))
    other = dicom.Dataset()
    for element in data:
        other[element.tag] = element
    other.PixelData = pixels.astype(">i2").tobytes()
    other.file_meta = data.file_meta
    other.file_meta.TransferSyntaxUID = dicom.uid.ExplicitVRBigEndian
    other.save_as(tmp_path / "a.dcm", implicit_vr=False, little_endian=False, enforce_file_format=True)
    volume = read_ct(tmp_path / "a.dcm")
    np.testing.assert_array_equal(volume.hu[0], pixels * 2.0 - 1024)
    write_ct(tmp_path / "b.dcm", volume.hu + np.float32(2), volume)
    np.testing.assert_array_equal(dicom.dcmread(tmp_path / "b.dcm").pixel_array, pixels + 1)


def test_a_header_that_cannot_be_written_is_told(write_slice: WriteSlice, tmp_path: Path, dicom: Any) -> None:
    path = write_slice(tmp_path / "a.dcm", np.ones((4, 5), np.int16))
    data = dicom.dcmread(path)
    data.FloatPixelData = data.pixel_array.astype("<f4").tobytes()
    data.BitsAllocated = 32
    for name in ("PixelData", "PixelRepresentation", "BitsStored", "HighBit"):
        del data[name]
    data.save_as(path)
    volume = read_ct(path)
    with pytest.raises(InputError, match=r"a\.dcm: the DICOM header is damaged .*PixelRepresentation"):
        write_ct(tmp_path / "b.dcm", volume.hu, volume)
    assert not list(tmp_path.glob("*b*"))


def test_a_file_without_mark_or_suffix(write_slice: WriteSlice, tmp_path: Path, dicom: Any) -> None:
    path = write_slice(tmp_path / "a.dcm", np.ones((4, 5), np.int16), "1.2.840.10008.1.2")
    data = dicom.dcmread(path)
    del data.file_meta.TransferSyntaxUID
    content = path.read_bytes()
    bare = content[content.index(b"\x08\x00\x08\x00") :]
    (tmp_path / "bare.ima").write_bytes(bare)
    volume = read_ct(tmp_path / "bare.ima")
    assert (volume.hu == -1022).all()
    write_ct(tmp_path / "b.ima", volume.hu, volume)
    assert (read_ct(tmp_path / "b.ima").hu == -1022).all()


def test_several_frames_in_one_file(write_enhanced: Callable[..., Path], tmp_path: Path, dicom: Any) -> None:
    path = write_enhanced(tmp_path / "a.dcm", heights=(10, 0, 5), slopes=(1, 2, 3))
    volume = read_ct(path)
    # frames hold 10, 20 and 30 and lie at 10, 0 and 5 mm
    assert volume.hu[:, 0, 0].tolist() == [40.0, 90.0, 10.0]
    write_ct(tmp_path / "b.dcm", volume.hu * np.float32(2), volume)
    assert dicom.dcmread(tmp_path / "b.dcm").pixel_array[:, 0, 0].tolist() == [20, 40, 60]


def test_slices_given_one_by_one_are_of_one_series_again(write_series: WriteSeries, tmp_path: Path, dicom: Any) -> None:
    folder = write_series(tmp_path / "in")
    for path in sorted(folder.iterdir()):
        volume = read_ct(path)
        write_ct(tmp_path / "out" / path.name, volume.hu, volume)
    read = [dicom.dcmread(path) for path in (tmp_path / "out").iterdir()]
    assert len({data.SeriesInstanceUID for data in read}) == 1
    assert len({data.SOPInstanceUID for data in read}) == 4


def test_one_series_of_several_is_chosen(write_series: WriteSeries, write_slice: WriteSlice, tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in", SeriesInstanceUID="1.2.3")
    write_slice(folder / "z.dcm", np.full((4, 5), 7, np.int16), SeriesInstanceUID="1.2.4", SeriesDescription="scout")
    message = refused(folder)
    assert "holds 2 series; choose one by its UID: 1.2.3 (CT, 4 slices); 1.2.4 (scout, 1 slice)" in message
    assert read_ct(folder, series="1.2.3").hu.shape == (4, 4, 5)
    with pytest.raises(InputError, match=r"no series 1\.2\.5 in it; there is 1\.2\.3"):
        read_ct(folder, series="1.2.5")


def test_missing_slices_are_reported_and_the_others_taken(write_series: WriteSeries, tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in", (0, 5, 10, 20, 25, 40))
    volume = read_ct(folder)
    assert len(volume.hu) == 6
    assert volume.notes == (
        f"{folder}: slices are missing: 10 mm from IM0002.dcm to IM0003.dcm, 5 mm as a rule, and 1 more such gaps; "
        "those that are there are taken",
    )


@pytest.mark.parametrize("positions", [(0, 5), (0, 5, 10.4), (0, 0, 5, 5), (3, 3, 3)])
def test_no_gap_is_reported_where_there_is_none(
    write_series: WriteSeries, tmp_path: Path, positions: Sequence[float]
) -> None:
    assert read_ct(write_series(tmp_path / "in", positions)).notes == ()


def test_slices_without_a_place_go_by_their_numbers(write_series: WriteSeries, tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in", (15, 0, 5), ImagePositionPatient=None)
    assert read_ct(folder).hu[:, 0, 0].tolist() == [-824 + 200, -1024, -824]


@pytest.mark.parametrize("missing", [{"RescaleSlope": None}, {"RescaleIntercept": None}, {"RescaleSlope": 0}])
def test_without_rescale_tags_nobody_can_tell_hounsfield_units(
    write_series: WriteSeries, tmp_path: Path, missing: dict[str, Any]
) -> None:
    message = refused(write_series(tmp_path / "in", **missing))
    assert "IM0000.dcm: has no RescaleSlope and RescaleIntercept" in message
    assert "add these tags, or give Hounsfield units as NIfTI or npy" in message


def test_slices_of_several_sizes_are_refused(
    write_series: WriteSeries, write_slice: WriteSlice, tmp_path: Path
) -> None:
    folder = write_series(tmp_path / "in")
    write_slice(folder / "odd.dcm", np.zeros((8, 6), np.int16))
    assert "several sizes (columns x rows), 5x4 in IM0000.dcm but 6x8 in odd.dcm" in refused(folder)


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"Modality": "MR"}, "no CT slice in it (MR); Hounsfield units are needed"),
        ({"Modality": "SEG"}, "no CT slice in it (SEG)"),
        ({"Rows": None}, "no CT slice in it (CT)"),
        ({"SamplesPerPixel": 3}, "has 3 channels; CT has one"),
    ],
)
def test_dicom_that_is_no_ct_is_refused(
    write_slice: WriteSlice, tmp_path: Path, attributes: dict[str, Any], told: str
) -> None:
    assert told in refused(write_slice(tmp_path / "a.dcm", np.zeros((4, 5), np.int16), **attributes))


def test_damaged_dicom_is_refused(write_slice: WriteSlice, tmp_path: Path) -> None:
    path = write_slice(tmp_path / "a.dcm", np.zeros((64, 64), np.int16))
    content = path.read_bytes()
    path.write_bytes(content[:-3000])
    assert "the pixels are missing, damaged or of an unusual kind" in refused(path)
    path.write_bytes(content[:150])
    assert refused(path)
    (tmp_path / "empty").mkdir()
    assert "no CT slice in it (no DICOM file)" in refused(tmp_path / "empty")


# bad input of every kind


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, bad: float) -> None:
    array = stored((3, 4, 5), np.float32)
    array[1, 2, 3] = bad
    np.save(tmp_path / "a.npy", array)
    nibabel.save(nibabel.Nifti1Image(array.transpose(2, 1, 0), np.eye(4)), tmp_path / "a.nii")
    for name in ("a.npy", "a.nii"):
        message = refused(tmp_path / name)
        assert "1 of 20 values in slice 1 are not finite numbers, the first in row 2, column 3" in message
    with pytest.raises(InputError, match="the CT volume: 1 of 20 values"):
        as_volume(array)
    volume = as_volume(stored((3, 4, 5)))
    with pytest.raises(InputError, match="not written, for there are values that are not numbers"):
        write_ct(tmp_path / "b.npy", array, volume)
    assert not (tmp_path / "b.npy").exists()


def test_stored_values_are_not_taken_for_hounsfield_units(tmp_path: Path) -> None:
    np.save(tmp_path / "L506_0_input.npy", np.linspace(0, 0.9, 20, dtype=np.float32).reshape(4, 5))
    assert "values from 0 to 0.9 are not Hounsfield units" in refused(tmp_path / "L506_0_input.npy")
    (note,) = as_volume(stored(dtype=np.uint16)).notes
    assert note == "the CT volume: nothing is below 0 HU, though air is -1000; the intercept may be missing"


def test_padding_read_as_unsigned_is_reported() -> None:
    hu = np.full((2, 3, 4), -1000, np.float32)
    hu[0, 0] = 31743
    assert as_volume(hu).notes == ()
    hu[0, 0] = 65535 - 2000 + 1 - 1024
    (note,) = as_volume(hu).notes
    assert note == "the CT volume: up to 62512 HU, more than even metal has; perhaps padding, read as unsigned"
    assert as_volume(np.zeros((4, 5))).notes == ()


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros(5), r"\(5,\) float64; CT is \(H, W\) or \(D, H, W\)"),
        (np.zeros((2, 3, 4, 5)), r"CT is \(H, W\) or \(D, H, W\)"),
        (np.zeros((0, 4, 5), np.float32), "not empty"),
        (np.zeros((4, 5), complex), "of real numbers"),
        (np.zeros((4, 5), bool), "of real numbers"),
        (np.zeros((64, 64, 3)), "has 3 channels; CT has one"),
        (np.array([["a"]]), "of real numbers"),
    ],
)
def test_arrays_that_are_no_volumes_are_refused(tmp_path: Path, array: Array, told: str) -> None:
    np.save(tmp_path / "a.npy", array)
    assert re.search(told, refused(tmp_path / "a.npy"))
    with pytest.raises(InputError, match=told):
        as_volume(array)


def test_nifti_that_is_no_volume_is_refused(tmp_path: Path) -> None:
    colours = np.zeros((5, 4, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    for array, told in (
        (stored((5, 4, 3, 2)), "5 x 4 x 3 x 2 voxels; CT has three dimensions and one channel"),
        (colours, "of several channels; CT has one"),
        (stored((5, 4, 3)).astype(np.complex64), "holds complex64 voxels"),
    ):
        nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "a.nii")
        assert told in refused(tmp_path / "a.nii")


def test_files_that_are_damaged_or_no_scans_are_refused(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(stored(), np.eye(4)), tmp_path / "a.nii.gz")
    content = (tmp_path / "a.nii.gz").read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(content[:-20])
    (tmp_path / "c.nii.gz").write_bytes(gzip.compress(b"something else" * 50))
    (tmp_path / "d.nii").write_bytes(gzip.decompress(content)[:400])
    np.save(tmp_path / "e.npy", stored())
    (tmp_path / "e.npy").write_bytes((tmp_path / "e.npy").read_bytes()[:100])
    np.save(tmp_path / "f.npy", np.array([{}], object))
    (tmp_path / "g.nii").write_bytes(b"")
    (tmp_path / "h.txt").write_text("not a scan")
    for name, told in (
        ("b.nii.gz", "truncated or damaged"),
        ("c.nii.gz", "not a NIfTI file"),
        ("d.nii", "truncated or damaged"),
        ("e.npy", "damaged"),
        ("f.npy", "damaged, or holds objects"),
        ("g.nii", "the file is empty"),
        ("h.txt", "not a CT scan; DICOM, NIfTI and npy can be read"),
        ("none", "cannot be read"),
    ):
        assert told in refused(tmp_path / name), name


# writing


def test_what_cannot_be_written_is_told(write_series: WriteSeries, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", stored())
    volume, series = read_ct(tmp_path / "a.npy"), read_ct(write_series(tmp_path / "in"))
    with pytest.raises(
        InputError, match=r"values are \(1, 5, 6\), but the volume whose place they take is \(4, 5, 6\)"
    ):
        write_ct(tmp_path / "b.npy", volume.hu[:1], volume)
    with pytest.raises(InputError, match=r"b\.nii: .*a\.npy can be written as \.npy"):
        write_ct(tmp_path / "b.nii", volume.hu, volume)
    with pytest.raises(InputError, match=r"a\.npy: .*in can be written as a folder"):
        write_ct(tmp_path / "a.npy", series.hu, series)
    with pytest.raises(InputError, match="cannot write in this folder"):
        write_ct(tmp_path / "a.npy" / "b.npy", volume.hu, volume)


def test_a_series_that_fails_midway_leaves_nothing(write_series: WriteSeries, tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in")
    volume = read_ct(folder)
    (folder / "IM0003.dcm").unlink()
    with pytest.raises(InputError, match=r"IM0003\.dcm: the DICOM file is truncated or damaged"):
        write_ct(tmp_path / "out", volume.hu, volume)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_series_takes_the_place_of_an_earlier_one(write_series: WriteSeries, tmp_path: Path) -> None:
    volume = read_ct(write_series(tmp_path / "in"))
    for change in (0, 20):
        write_ct(tmp_path / "out", volume.hu + np.float32(change), volume)
    np.testing.assert_array_equal(read_ct(tmp_path / "out").hu, volume.hu + 20)
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_a_volume_says_what_it_is() -> None:
    with pytest.raises(InputError, match=r"a CT volume is \(slices, rows, columns\) of float32"):
        CTVolume(np.zeros((4, 5, 6)))  # type: ignore[arg-type]
