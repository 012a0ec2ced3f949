"""CT in files: Hounsfield units in and out, everything else kept, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clip_denoising.data.ct import as_hounsfield, read_ct, write_ct
from visioncore.errors import InputError
from visioncore.medical import Volume
from visioncore.medical import as_volume as given_volume
from visioncore.testing.refusals import refusal

nibabel: Any = import_module("nibabel")
pydicom: Any = import_module("pydicom")

WriteSlice = Callable[..., Path]
WriteSeries = Callable[..., Path]
Array = np.ndarray[Any, np.dtype[Any]]

OBLIQUE = np.array([[0.1, -1.9, 0.5, 30], [0.7, 0.2, 1.5, -20], [-0.2, 0.3, 4.5, 7], [0, 0, 0, 1.0]])
SAGITTAL = np.array([[0, 0, 2.0, -80], [0.8, 0, 0, -90], [0, 0.8, 0, 11], [0, 0, 0, 1]])
"""The second axis runs upwards."""


COLOURS = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}


def as_volume(array: Array) -> Volume:
    return as_hounsfield(given_volume(array, order="HW" if array.ndim == 2 else "DHW"))


def stored(shape: tuple[int, ...] = (4, 5, 6), dtype: Any = np.int16) -> Array:
    return (
        (np.arange(np.prod(shape)) * 7 % 3000 - (1000 if np.dtype(dtype).kind != "u" else 0))
        .reshape(shape)
        .astype(dtype)
    )


def refused(path: Path | str, read: Callable[..., Any] = read_ct) -> str:
    return refusal(read, path)


# npy


def test_arrays_are_volumes(tmp_path: Path) -> None:
    volume = as_volume(stored((5, 6)))
    assert volume.voxels.shape == (1, 5, 6)
    write_ct(tmp_path / "new" / "a.npy", volume.voxels, volume)
    np.testing.assert_array_equal(read_ct(tmp_path / "new" / "a.npy").voxels, volume.voxels)
    with pytest.raises(InputError, match=r"the volume can be written as \.npy"):
        write_ct(tmp_path / "a.nii", volume.voxels, volume)


# NIfTI


def test_slices_are_axial_whatever_the_order_of_axes(tmp_path: Path) -> None:
    array = stored((3, 4, 5))
    nibabel.save(nibabel.Nifti1Image(array, SAGITTAL), tmp_path / "a.nii")
    volume = read_ct(tmp_path / "a.nii")
    assert volume.voxels.shape == (4, 5, 3)
    np.testing.assert_array_equal(volume.voxels[1], array[:, 1].T)
    write_ct(tmp_path / "b.nii", volume.voxels, volume)
    np.testing.assert_array_equal(nibabel.load(tmp_path / "b.nii").get_fdata(), array)


@pytest.mark.parametrize("missing", [{"RescaleSlope": None}, {"RescaleIntercept": None}, {"RescaleSlope": 0}])
def test_without_rescale_tags_nobody_can_tell_hounsfield_units(
    write_series: WriteSeries, tmp_path: Path, missing: dict[str, Any]
) -> None:
    message = refused(write_series(tmp_path / "in", **missing))
    assert "IM0000.dcm: has no RescaleSlope and RescaleIntercept" in message
    assert "add these tags, or give Hounsfield units as NIfTI or npy" in message


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"Modality": "MR"}, "no CT slice in it (MR); name a DICOM series of CT"),
        ({"Modality": "SEG"}, "no CT slice in it (SEG)"),
        ({"Rows": None}, "no CT slice in it (CT)"),
        ({**COLOURS, "Rows": 2, "Columns": 2}, "has 3 channels; CT has one"),
    ],
)
def test_dicom_that_is_no_ct_is_refused(
    write_slice: WriteSlice, tmp_path: Path, attributes: dict[str, Any], told: str
) -> None:
    assert told in refused(
        write_slice(
            tmp_path / "a.dcm", np.zeros((2, 2, 3) if "Columns" in attributes else (4, 5), np.uint8), **attributes
        )
    )


# bad input of every kind


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, bad: float) -> None:
    array = stored((3, 4, 5), np.float32)
    array[1, 2, 3] = bad
    np.save(tmp_path / "a.npy", array)
    nibabel.save(nibabel.Nifti1Image(array.transpose(2, 1, 0), np.eye(4)), tmp_path / "a.nii")
    for name in ("a.npy", "a.nii"):
        message = refused(tmp_path / name)
        assert "1 of 60 voxels are not finite numbers, the first in slice 1, row 2, column 3" in message
    with pytest.raises(InputError, match="the volume: 1 of 60 voxels"):
        as_volume(array)
    volume = as_volume(stored((3, 4, 5)))
    with pytest.raises(InputError, match="not written, for there are values that are not numbers"):
        write_ct(tmp_path / "b.npy", array, volume)
    assert not (tmp_path / "b.npy").exists()


def test_stored_values_are_not_taken_for_hounsfield_units(tmp_path: Path) -> None:
    np.save(tmp_path / "L506_0_input.npy", np.linspace(0, 0.9, 20, dtype=np.float32).reshape(4, 5))
    assert "values from 0 to 0.9 are not Hounsfield units" in refused(tmp_path / "L506_0_input.npy")
    (note,) = as_volume(stored(dtype=np.uint16)).notes
    assert note == "the volume: nothing is below 0 HU, though air is -1000; the intercept may be missing"


def test_padding_read_as_unsigned_is_reported() -> None:
    hu = np.full((2, 3, 4), -1000, np.float32)
    hu[0, 0] = 31743
    assert as_volume(hu).notes == ()
    hu[0, 0] = 65535 - 2000 + 1 - 1024
    (note,) = as_volume(hu).notes
    assert note == "the volume: up to 62512 HU, more than even metal has; perhaps padding, read as unsigned"
    assert as_volume(np.zeros((4, 5))).notes == ()


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros(5), r"order is 'DHW' for an array of \(5,\)|a volume must be \(slices, rows, columns\)"),
        (np.zeros((2, 3, 4, 5)), r"a volume must be \(slices, rows, columns\)"),
        (np.zeros((0, 4, 5), np.float32), "without voxels"),
        (np.zeros((4, 5), complex), "real numbers"),
        (np.eye(4, 5, dtype=bool), "not Hounsfield units"),
        (np.zeros((2, 64, 64, 3)), "has 3 channels; CT has one"),
        (np.array([["a"]]), "real numbers"),
    ],
)
def test_arrays_that_are_no_volumes_are_refused(tmp_path: Path, array: Array, told: str) -> None:
    np.save(tmp_path / "a.npy", array)
    assert re.search(told, refused(tmp_path / "a.npy"))
    with pytest.raises(InputError, match=told):
        as_volume(array)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_file_of_colours_is_no_ct(tmp_path: Path, channels: int) -> None:
    np.save(tmp_path / "a.npy", np.zeros((64, 64, channels)))
    assert f"has {channels} channels; CT has one" in refused(tmp_path / "a.npy")


# writing
