"""Labels and probabilities in files: read, checked, written in the place of the scan."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hsam_medseg.data.labels import read_labels, write_labels, write_probabilities
from hsam_medseg.data.scans import read_volume
from visioncore.errors import InputError
from visioncore.medical import Volume
from visioncore.testing.dicom_files import write_series

h5py: Any = import_module("h5py")
nibabel: Any = import_module("nibabel")

OBLIQUE = (0.96, 0.28, 0, -0.168, 0.576, 0.8)


def write(path: Path, array: Any) -> Path:
    nibabel.save(nibabel.Nifti1Image(array, np.diag([2.0, 3, 4, 1])), path)
    return path


def values(shape: tuple[int, ...] = (5, 4, 3), dtype: type = np.int16) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


@pytest.mark.parametrize("values", [[[[0, -1]]], [[[0, 65536]]], [[[0.0, 1.0]]]])
def test_labels_that_cannot_be_written_are_refused(tmp_path: Path, values: Any) -> None:
    with pytest.raises(InputError, match="whole numbers from 0 to 65535"):
        write_labels(tmp_path / "labels.nii", Volume(np.array(values)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["labels.png", "labels.mgz", "labels.gz"])
def test_labels_are_written_in_known_formats(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=name):
        write_labels(tmp_path / name, Volume(np.zeros((2, 2, 2), np.uint8)))


def test_many_labels_take_16_bit(tmp_path: Path) -> None:
    volume = Volume(np.array([[[0, 256, 65535]]]), located=True)
    write_labels(tmp_path / "labels.nii", volume)
    assert nibabel.load(tmp_path / "labels.nii").get_data_dtype() == np.uint16
    np.testing.assert_array_equal(read_labels(tmp_path / "labels.nii").voxels, volume.voxels)


def test_labels_are_whole_numbers(tmp_path: Path) -> None:
    whole = values(dtype=np.float32) % 4
    labels = read_labels(write(tmp_path / "labels.nii.gz", whole))
    assert labels.voxels.dtype.kind == "i"
    np.testing.assert_array_equal(labels.voxels, whole.transpose(2, 1, 0))
    whole[0, 0, 1] = 1.25
    with pytest.raises(InputError, match=r"1 voxels hold no label, such as 1\.25"):
        read_labels(write(tmp_path / "interpolated.nii.gz", whole))


def test_coloured_labels_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(tmp_path / "0.png")
    with pytest.raises(InputError, match=r"0\.png: labels are colours"):
        read_labels(tmp_path / "0.png")


def test_labels_of_a_series_are_written_as_nifti_in_its_place(tmp_path: Path) -> None:
    volume = read_volume(write_series(tmp_path / "series", (10, 0, 15, 5), OBLIQUE))
    labels = volume.oriented("RAS").with_voxels(volume.oriented("RAS").voxels % 3)
    write_labels(tmp_path / "labels.nii.gz", labels.oriented(volume.orientation))
    read = read_labels(tmp_path / "labels.nii.gz")
    np.testing.assert_array_equal(read.voxels, volume.voxels % 3)
    np.testing.assert_allclose(read.affine, volume.affine, atol=1e-4)


def test_probabilities_belong_beside_any_volume(tmp_path: Path) -> None:
    write_probabilities(
        tmp_path / "p.nii.gz",
        np.zeros((2, 3, 4, 5), np.float16),
        Volume(np.zeros((3, 4, 5)), np.diag([1.0, 2, 3, 1]), True),
    )
    assert nibabel.load(tmp_path / "p.nii.gz").shape == (5, 4, 3, 2)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_probabilities_have_the_channel_last(tmp_path: Path, dtype: Any) -> None:
    volume = read_volume(write(tmp_path / "scan.nii.gz", values()))
    probabilities = np.random.default_rng(0).random((2, *volume.voxels.shape)).astype(dtype)
    write_probabilities(tmp_path / "p.nii.gz", probabilities, volume)
    image = nibabel.load(tmp_path / "p.nii.gz")
    assert image.get_data_dtype() == np.float32
    np.testing.assert_array_equal(image.get_fdata(), probabilities.transpose(3, 2, 1, 0))
    np.testing.assert_array_equal(image.affine, nibabel.load(tmp_path / "scan.nii.gz").affine)
    with pytest.raises(InputError, match="volume they belong to"):
        write_probabilities(tmp_path / "p.nii.gz", probabilities[:, :1], volume)
    with pytest.raises(InputError, match=r"\.nii"):
        write_probabilities(tmp_path / "p.npz", probabilities, volume)


def test_la_has_its_slices_last(tmp_path: Path) -> None:
    stored = np.random.default_rng(0).random((6, 5, 4))
    with h5py.File(tmp_path / "mri_norm2.h5", "w") as file:
        file["image"], file["label"] = stored, (stored > 0.5).astype(np.uint8)
    np.testing.assert_array_equal(read_volume(tmp_path / "mri_norm2.h5").voxels, stored.transpose(2, 0, 1))
    assert read_labels(tmp_path / "mri_norm2.h5").voxels.shape == (4, 6, 5)


@pytest.mark.parametrize("name", ["labels.nii.gz", "labels.npz", "labels"])
def test_labels_are_read_as_they_were_written(tmp_path: Path, name: str) -> None:
    volume = Volume(np.arange(60).reshape(3, 4, 5), np.diag([2.0, 3, 4, 1]), located=True)
    write_labels(tmp_path / "deep" / name, volume)
    labels = read_labels(tmp_path / "deep" / name)
    assert labels.voxels.dtype == np.uint8
    np.testing.assert_array_equal(labels.voxels, volume.voxels)
    assert labels.located == (name != "labels")


def test_one_slice_of_labels_is_an_image(tmp_path: Path) -> None:
    write_labels(tmp_path / "one.png", Volume(np.arange(300, 320).reshape(1, 4, 5)))
    assert np.asarray(Image.open(tmp_path / "one.png")).tolist() == np.arange(300, 320).reshape(4, 5).tolist()


def test_a_scan_without_a_place_is_warned_of(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(values(), None), tmp_path / "scan.nii")
    with pytest.warns(UserWarning, match=r"scan\.nii: .*neither sform nor qform"):
        read_volume(tmp_path / "scan.nii")
    write_series(tmp_path / "series", ImagePositionPatient=None)
    with pytest.warns(UserWarning, match="does not say where"):
        read_volume(tmp_path / "series")


@pytest.mark.parametrize("error", [2e-5, -6e-8, 9e-5])
def test_labels_in_floats_may_be_rounded(tmp_path: Path, error: float) -> None:
    whole = values(dtype=np.float64) % 4
    labels = read_labels(write(tmp_path / "labels.nii", (whole + error).astype(np.float32)))
    assert labels.voxels.dtype.kind == "i"
    np.testing.assert_array_equal(labels.voxels, whole.transpose(2, 1, 0))
    with pytest.raises(InputError, match=r"hold no label, such as 0\.001"):
        read_labels(write(tmp_path / "labels.nii", whole + 1e-3))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
@pytest.mark.parametrize("highest", [1, 4, 13, 104])
def test_labels_under_a_slope_are_the_nearest(tmp_path: Path, dtype: Any, highest: int) -> None:
    """As nibabel writes labels that were floats into integers."""
    whole = values(dtype=np.float64) % (highest + 1)
    image = nibabel.Nifti1Image(whole, np.eye(4))
    image.set_data_dtype(dtype)
    nibabel.save(image, tmp_path / "labels.nii")
    assert nibabel.load(tmp_path / "labels.nii").dataobj.slope != 1
    np.testing.assert_array_equal(read_labels(tmp_path / "labels.nii").voxels, whole.transpose(2, 1, 0))
    half = nibabel.Nifti1Image(np.where(whole == 1, 0.5, whole), np.eye(4))
    half.set_data_dtype(dtype)
    nibabel.save(half, tmp_path / "half.nii")
    with pytest.raises(InputError, match="hold no label"):
        read_labels(tmp_path / "half.nii")


@pytest.mark.parametrize("name", ["labels.mha", "labels.mhd", "labels.nrrd", "labels.nhdr", "labels.hdr"])
def test_labels_in_other_formats_keep_their_place(tmp_path: Path, name: str) -> None:
    if not name.endswith(".hdr"):
        pytest.importorskip("SimpleITK")
    affine = np.array([[0, -2.0, 0, 30], [0.7, 0, 0, -20], [0, 0, 4.5, 7], [0, 0, 0, 1]])
    volume = Volume(values(dtype=np.uint8) % 3, affine, located=True)
    write_labels(tmp_path / "deep" / name, volume)
    labels = read_labels(tmp_path / "deep" / name)
    assert labels.voxels.dtype == np.uint8
    np.testing.assert_array_equal(labels.voxels, volume.voxels)
    np.testing.assert_allclose(labels.affine, affine, atol=1e-5)
