"""What is in the memory: images of nibabel and SimpleITK with their place, arrays only with their order."""

from __future__ import annotations

import itertools
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visioncore.errors import InputError
from visioncore.medical import ScanReader, Volume, as_given, as_volume, write_like

nibabel: Any = import_module("nibabel")

OBLIQUE = np.array([[0.1, -1.9, 0.5, 30], [0.7, 0.2, 1.5, -20], [-0.2, 0.3, 4.5, 7], [0, 0, 0, 1.0]])
TURNED = np.array([[0, -2.0, 0, 30], [0.7, 0, 0, -20], [0, 0, 4.5, 7], [0, 0, 0, 1]])


def values(shape: tuple[int, ...] = (5, 4, 3), dtype: Any = np.int16) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image, nibabel.Nifti1Pair, nibabel.MGHImage])
def test_an_image_of_nibabel_is_the_file_it_would_be(tmp_path: Path, kind: Any) -> None:
    image = kind(values(), OBLIQUE)
    volume = as_volume(image)
    nibabel.save(nibabel.Nifti1Image(values(), OBLIQUE), tmp_path / "a.nii")
    from_file = ScanReader().read(tmp_path / "a.nii")
    np.testing.assert_array_equal(volume.voxels, from_file.voxels)
    np.testing.assert_allclose(volume.affine, from_file.affine, atol=1e-5)
    assert volume.located
    assert volume.notes == ()


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image, nibabel.Nifti1Pair, nibabel.MGHImage])
def test_labels_come_back_as_the_same_kind_of_image(kind: Any) -> None:
    image = kind(values(dtype=np.float32), OBLIQUE)
    volume = as_volume(image)
    labels = volume.with_voxels((volume.voxels % 3).astype(np.uint8))
    for turned in (labels, labels.oriented("RAS")):
        result = as_given(turned)
        assert type(result) is kind
        assert result.get_data_dtype() == np.uint8
        np.testing.assert_array_equal(np.asarray(result.dataobj), values() % 3)
        np.testing.assert_array_equal(result.affine, image.affine)


def test_values_of_another_type_than_the_header_says_count() -> None:
    header = nibabel.Nifti1Image(values(), OBLIQUE).header
    image = nibabel.Nifti1Image(values(dtype=np.float32) / 7, OBLIQUE, header)
    assert header.get_data_dtype() == np.int16
    np.testing.assert_array_equal(as_given(as_volume(image)).get_fdata(), image.get_fdata())


def test_a_result_of_an_image_is_saved_as_nifti(tmp_path: Path) -> None:
    volume = as_volume(nibabel.Nifti1Image(values(), OBLIQUE))
    write_like(tmp_path / "a.nii.gz", volume.with_voxels(volume.voxels + 1), derivation="Denoised by ToolX")
    written = nibabel.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj), values() + 1)
    np.testing.assert_allclose(written.affine, OBLIQUE, atol=1e-5)


@pytest.mark.parametrize("image", [nibabel.Nifti1Image(values(), None), nibabel.AnalyzeImage(values(), None)])
def test_an_image_without_a_place_is_told(image: Any) -> None:
    image.header.set_zooms((2, 3, 4))
    volume = as_volume(image)
    assert not volume.located
    assert volume.spacing == (4, 3, 2)
    assert "sizes in mm are unknown" in volume.notes[0]


def test_lengths_of_an_image_are_in_its_unit() -> None:
    image = nibabel.Nifti1Image(values(), np.diag([0.001, 0.002, 0.004, 1]))
    image.header.set_xyzt_units("meter")
    assert as_volume(image).spacing == pytest.approx((4, 2, 1))
    np.testing.assert_array_equal(as_given(as_volume(image)).affine, image.affine)


def test_an_image_over_time_is_refused() -> None:
    with pytest.raises(InputError, match="an image of 5 x 4 x 3 x 2 voxels; it must be a volume of three dimensions"):
        as_volume(nibabel.Nifti1Image(values((5, 4, 3, 2)), OBLIQUE))


def test_an_image_of_simpleitk_is_the_file_it_would_be(tmp_path: Path) -> None:
    sitk: Any = pytest.importorskip("SimpleITK")
    nibabel.save(nibabel.Nifti1Image(values(), TURNED), tmp_path / "a.nii")
    image = sitk.ReadImage(str(tmp_path / "a.nii"))
    volume, from_file = as_volume(image), ScanReader().read(tmp_path / "a.nii")
    np.testing.assert_array_equal(volume.voxels, from_file.voxels)
    np.testing.assert_allclose(volume.affine, from_file.affine, atol=1e-5)
    result = as_given(volume.with_voxels((volume.voxels % 3).astype(np.uint8)).oriented("RAS"))
    assert isinstance(result, sitk.Image)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(result), sitk.GetArrayFromImage(image) % 3)
    for ask in (sitk.Image.GetSpacing, sitk.Image.GetOrigin, sitk.Image.GetDirection):
        np.testing.assert_allclose(ask(result), ask(image), atol=1e-9)


def test_a_slice_of_simpleitk_stays_one() -> None:
    sitk: Any = pytest.importorskip("SimpleITK")
    image = sitk.GetImageFromArray(values((4, 5)))
    image.SetSpacing((0.5, 0.7))
    volume = as_volume(image)
    assert volume.voxels.shape == (1, 4, 5)
    assert volume.spacing == pytest.approx((1, 0.7, 0.5))
    result = as_given(volume)
    assert (result.GetSize(), result.GetSpacing()) == ((5, 4), (0.5, 0.7))
    with pytest.raises(InputError, match="an image of 4 dimensions"):
        as_volume(sitk.Image([2, 2, 2, 2], sitk.sitkInt16))


@pytest.mark.parametrize("order", ["".join(axes) for axes in itertools.permutations("DHW")])
def test_an_array_is_taken_in_its_order(tmp_path: Path, order: str) -> None:
    sizes = {"D": 3, "H": 4, "W": 5}
    array = values(tuple(sizes[axis] for axis in order))
    volume = as_volume(array, order=order)
    assert volume.voxels.shape == (3, 4, 5)
    index = {"D": 2, "H": 1, "W": 3}
    assert volume.voxels[2, 1, 3] == array[tuple(index[axis] for axis in order)]
    assert not volume.located
    np.testing.assert_array_equal(as_given(volume), array)
    write_like(tmp_path / "a.npy", volume, derivation="nothing")
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), array)


def test_an_array_with_an_affine_is_nibabels() -> None:
    image = nibabel.Nifti1Image(values(), OBLIQUE)
    volume, given = as_volume(np.asarray(image.dataobj), affine=image.affine), as_volume(image)
    np.testing.assert_array_equal(volume.voxels, given.voxels)
    np.testing.assert_array_equal(volume.affine, given.affine)
    assert volume.located
    np.testing.assert_array_equal(as_given(volume.oriented("RAS")), values())
    other = as_volume(values().T, affine=OBLIQUE, order="DHW")
    np.testing.assert_array_equal(other.voxels, volume.voxels)


def test_one_slice_and_colours_have_an_order_too() -> None:
    slice_, colours = values((4, 5)), values((3, 4, 5, 3), np.uint8)
    np.testing.assert_array_equal(as_volume(slice_, order="HW").voxels, slice_[None])
    np.testing.assert_array_equal(as_volume(slice_, order="WH").voxels, slice_.T[None])
    np.testing.assert_array_equal(as_given(as_volume(slice_, order="WH")), slice_)
    np.testing.assert_array_equal(as_volume(colours, order="DHW").voxels, colours)
    np.testing.assert_array_equal(as_volume(colours, order="WHD").voxels, colours.transpose(2, 1, 0, 3))
    assert as_volume(colours[0], order="HW").voxels.shape == (1, 4, 5, 3)
    assert as_volume(colours[0], order="DHW").voxels.shape == (4, 5, 3)


@pytest.mark.parametrize("dtype", [">i2", "<i2", ">f4", ">u2", ">f8", bool])
def test_any_order_of_bytes_is_the_machines(dtype: str) -> None:
    array = values(dtype=dtype)
    volume = as_volume(array, order="DHW")
    assert volume.voxels.dtype.isnative
    assert volume.voxels.dtype.kind in "uif"
    np.testing.assert_array_equal(volume.voxels, array)


@pytest.mark.parametrize(
    ("given", "options", "told"),
    [
        (
            values(),
            {},
            r"an array of \(5, 4, 3\) does not say which axes are slices, .* give order='DHW'",
        ),
        (values((4, 5)), {}, "does not say which axes"),
        (values((5, 4, 2)), {"order": "HW"}, "must be"),
        (values(), {"order": "zyx"}, "order is 'zyx' for an array"),
        (values((4, 5)), {"order": "DHW"}, r"order is 'DHW' for an array of \(4, 5\)"),
        (Volume(values()), {"order": "DHW"}, "order and affine are for arrays; volumes and images have their own"),
        (nibabel.Nifti1Image(values(), OBLIQUE), {"affine": OBLIQUE}, "order and affine are for arrays"),
        (values(), {"affine": np.zeros((4, 4))}, "the affine is singular"),
        (values(), {"affine": np.eye(3)}, r"the affine must be \(4, 4\)"),
        ("scan", {"order": "DHW"}, r"for an array of \(\)"),
    ],
)
def test_what_leaves_in_doubt_how_it_lies_is_refused(given: Any, options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        as_volume(given, **options)
    assert "\n" not in str(caught.value)
