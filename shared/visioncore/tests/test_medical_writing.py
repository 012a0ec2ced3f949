"""Volumes written as others were stored: values changed, everything else kept."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visioncore.errors import InputError
from visioncore.medical import ScanReader, Volume, write_like
from visioncore.testing import dicom_files

nibabel: Any = import_module("nibabel")
pydicom: Any = import_module("pydicom")

Array = np.ndarray[Any, np.dtype[Any]]

OBLIQUE = np.array([[0.1, -1.9, 0.5, 30], [0.7, 0.2, 1.5, -20], [-0.2, 0.3, 4.5, 7], [0, 0, 0, 1.0]])

read = ScanReader(placed=False).read
write_slice = partial(dicom_files.write_slice, RescaleSlope=2, RescaleIntercept=-1024)
write_series = partial(dicom_files.write_series, RescaleSlope=2, RescaleIntercept=-1024)


def write(path: Path, voxels: Array, like: Volume) -> None:
    write_like(path, like.with_voxels(voxels), derivation="Denoised by ToolX")


def stored(shape: tuple[int, ...] = (4, 5, 6), dtype: Any = np.int16) -> Array:
    return (
        (np.arange(np.prod(shape)) * 7 % 3000 - (1000 if np.dtype(dtype).kind != "u" else 0))
        .reshape(shape)
        .astype(dtype)
    )


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64, np.float16, np.int32, ">i2"])
@pytest.mark.parametrize("shape", [(5, 6), (4, 5, 6)])
def test_npy_keeps_shape_and_type(tmp_path: Path, dtype: Any, shape: tuple[int, ...]) -> None:
    array = stored(shape, dtype)
    np.save(tmp_path / "a.npy", array)
    volume = read(tmp_path / "a.npy")
    np.testing.assert_array_equal(volume.voxels, array.reshape(-1, 5, 6))
    assert volume.notes == ()
    write(tmp_path / "b.npy", volume.voxels + np.float32(0.4), volume)
    back = np.load(tmp_path / "b.npy")
    assert (back.shape, back.dtype) == (shape, np.dtype(dtype))
    np.testing.assert_allclose(
        back, array if back.dtype.kind == "i" else array + 0.4, atol=0.5 * (dtype == np.float16) + 1e-4
    )


def test_what_a_type_cannot_hold_becomes_the_nearest(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", stored(dtype=np.int16))
    volume = read(tmp_path / "a.npy")
    hu = volume.voxels.astype(np.float32)
    hu[0, 0, :3] = 40000, -40000, 2.6
    write(tmp_path / "b.npy", hu, volume)
    assert np.load(tmp_path / "b.npy")[0, 0, :3].tolist() == [32767, -32768, 3]


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.float32, ">i2"])
def test_nifti_keeps_its_header(tmp_path: Path, name: str, kind: Any, dtype: Any) -> None:
    image = kind(stored(dtype=dtype), OBLIQUE)
    image.header["descrip"] = b"made by the scanner"
    image.header.set_xyzt_units("mm")
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"of the technician"))
    nibabel.save(image, tmp_path / name)
    volume = read(tmp_path / name)
    np.testing.assert_array_equal(volume.voxels, stored(dtype=dtype).transpose(2, 1, 0))
    write(tmp_path / "out" / name, volume.voxels + np.float32(2), volume)
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
    volume = read(tmp_path / "a.nii")
    np.testing.assert_allclose(volume.voxels, numbers.transpose(2, 1, 0) * slope + intercept)
    write(tmp_path / "b.nii", volume.voxels, volume)
    assert (tmp_path / "b.nii").read_bytes() == content
    write(tmp_path / "b.nii", volume.voxels + np.float32(3 * slope), volume)
    assert (nibabel.load(tmp_path / "b.nii").dataobj.get_unscaled() == numbers + 3).all()


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3, 1), (5, 4, 1)])
def test_nifti_of_other_dimensions(tmp_path: Path, shape: tuple[int, ...]) -> None:
    nibabel.save(nibabel.Nifti1Image(stored(shape), np.eye(4)), tmp_path / "a.nii.gz")
    volume = read(tmp_path / "a.nii.gz")
    write(tmp_path / "b.nii.gz", volume.voxels, volume)
    back = nibabel.load(tmp_path / "b.nii.gz")
    assert back.shape == shape
    np.testing.assert_array_equal(back.get_fdata(), stored(shape))


# DICOM


def test_a_series_comes_back_with_other_values_in_its_own_files(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in", (10, 0, 15, 5), SeriesDescription="Abdomen")
    (folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    (folder / "notes.txt").write_text("of the radiologist")
    volume = read(folder)
    assert volume.notes == ()
    numbers = np.arange(20).reshape(4, 5) + 100 * np.arange(4)[:, None, None]
    np.testing.assert_array_equal(volume.voxels, numbers * 2.0 - 1024)
    write(tmp_path / "out", volume.voxels + np.float32(6), volume)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"IM{n:04d}.dcm" for n in range(4)]
    series = set()
    for path in (tmp_path / "out").iterdir():
        before, after = pydicom.dcmread(folder / path.name), pydicom.dcmread(path)
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
    assert series != {pydicom.dcmread(folder / "IM0000.dcm").SeriesInstanceUID}
    np.testing.assert_array_equal(read(tmp_path / "out").voxels, volume.voxels + 6)


def test_values_stay_as_they_are_where_nothing_was_changed(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in", RescaleSlope="0.123", RescaleIntercept="-1000.7")
    volume = read(folder)
    write(tmp_path / "out", volume.voxels, volume)
    for path in folder.iterdir():
        np.testing.assert_array_equal(
            pydicom.dcmread(tmp_path / "out" / path.name).pixel_array, pydicom.dcmread(path).pixel_array
        )


def test_values_beyond_the_bits_in_use_become_the_nearest(tmp_path: Path) -> None:
    path = write_slice(
        tmp_path / "a.dcm", np.zeros((4, 5), np.uint16), BitsStored=12, HighBit=11, RescaleIntercept=-1024
    )
    volume = read(path)
    hu = volume.voxels.astype(np.float32)
    hu[0, 0, :3] = -3000, 9000, 100.4
    write(tmp_path / "b.dcm", hu, volume)
    assert pydicom.dcmread(tmp_path / "b.dcm").pixel_array[0, :3].tolist() == [0, 4095, 562]


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"])
def test_implicit_deflated_and_compressed_files(tmp_path: Path, syntax: str) -> None:
    pixels = np.arange(64, dtype=np.int16).reshape(8, 8)
    path = write_slice(tmp_path / "a.dcm", pixels, syntax)
    volume = read(path)
    np.testing.assert_array_equal(volume.voxels[0], pixels * 2.0 - 1024)
    write(tmp_path / "b.dcm", volume.voxels + np.float32(2), volume)
    after = pydicom.dcmread(tmp_path / "b.dcm")
    assert after.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    np.testing.assert_array_equal(after.pixel_array, pixels + 1)


def test_the_order_of_bytes_is_kept(tmp_path: Path) -> None:
    pixels = np.arange(64, dtype=np.int16).reshape(8, 8)
    data = pydicom.dcmread(write_slice(tmp_path / "little.dcm", pixels))
    other = pydicom.Dataset()
    for element in data:
        other[element.tag] = element
    other.PixelData = pixels.astype(">i2").tobytes()
    other.file_meta = data.file_meta
    other.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRBigEndian
    other.save_as(tmp_path / "a.dcm", implicit_vr=False, little_endian=False, enforce_file_format=True)
    volume = read(tmp_path / "a.dcm")
    np.testing.assert_array_equal(volume.voxels[0], pixels * 2.0 - 1024)
    write(tmp_path / "b.dcm", volume.voxels + np.float32(2), volume)
    np.testing.assert_array_equal(pydicom.dcmread(tmp_path / "b.dcm").pixel_array, pixels + 1)


def test_a_header_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    path = write_slice(tmp_path / "a.dcm", np.ones((4, 5), np.int16))
    data = pydicom.dcmread(path)
    data.FloatPixelData = data.pixel_array.astype("<f4").tobytes()
    data.BitsAllocated = 32
    for name in ("PixelData", "PixelRepresentation", "BitsStored", "HighBit"):
        del data[name]
    data.save_as(path)
    volume = read(path)
    with pytest.raises(InputError, match=r"a\.dcm: the DICOM header is damaged .*PixelRepresentation"):
        write(tmp_path / "b.dcm", volume.voxels, volume)
    assert not list(tmp_path.glob("*b*"))


def test_a_file_without_mark_or_suffix(tmp_path: Path) -> None:
    path = write_slice(tmp_path / "a.dcm", np.ones((4, 5), np.int16), "1.2.840.10008.1.2")
    data = pydicom.dcmread(path)
    del data.file_meta.TransferSyntaxUID
    content = path.read_bytes()
    bare = content[content.index(b"\x08\x00\x08\x00") :]
    (tmp_path / "bare.ima").write_bytes(bare)
    volume = read(tmp_path / "bare.ima")
    assert (volume.voxels == -1022).all()
    write(tmp_path / "b.ima", volume.voxels, volume)
    assert (read(tmp_path / "b.ima").voxels == -1022).all()


def test_several_frames_in_one_file(tmp_path: Path) -> None:
    path = dicom_files.write_enhanced(tmp_path / "a.dcm", (10, 20, 30), (10, 0, 5), (1, 2, 3))
    volume = read(path)
    # frames hold 10, 20 and 30 and lie at 10, 0 and 5 mm
    assert volume.voxels[:, 0, 0].tolist() == [40.0, 90.0, 10.0]
    write(tmp_path / "b.dcm", volume.voxels * np.float32(2), volume)
    assert pydicom.dcmread(tmp_path / "b.dcm").pixel_array[:, 0, 0].tolist() == [20, 40, 60]


def test_slices_given_one_by_one_are_of_one_series_again(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in")
    for path in sorted(folder.iterdir()):
        volume = read(path)
        write(tmp_path / "out" / path.name, volume.voxels, volume)
    written = [pydicom.dcmread(path) for path in (tmp_path / "out").iterdir()]
    assert len({data.SeriesInstanceUID for data in written}) == 1
    assert len({data.SOPInstanceUID for data in written}) == 4


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", stored())
    volume, series = read(tmp_path / "a.npy"), read(write_series(tmp_path / "in"))
    with pytest.raises(InputError, match=r"values are \(1, 5, 6\); the volume they belong to is \(4, 5, 6\)"):
        write(tmp_path / "b.npy", volume.voxels[:1], volume)
    with pytest.raises(InputError, match=r"b\.nii: .*a\.npy can be written as \.npy"):
        write(tmp_path / "b.nii", volume.voxels, volume)
    with pytest.raises(InputError, match=r"a\.npy: .*in can be written as a folder"):
        write(tmp_path / "a.npy", series.voxels, series)
    with pytest.raises(InputError, match="cannot write in this folder"):
        write(tmp_path / "a.npy" / "b.npy", volume.voxels, volume)


def test_a_series_that_fails_midway_leaves_nothing(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in")
    volume = read(folder)
    (folder / "IM0003.dcm").unlink()
    with pytest.raises(InputError, match=r"IM0003\.dcm: the DICOM file is truncated or damaged"):
        write(tmp_path / "out", volume.voxels, volume)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_series_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    volume = read(write_series(tmp_path / "in"))
    for change in (0, 20):
        write(tmp_path / "out", volume.voxels + np.float32(change), volume)
    np.testing.assert_array_equal(read(tmp_path / "out").voxels, volume.voxels + 20)
    assert len(list((tmp_path / "out").iterdir())) == 4
