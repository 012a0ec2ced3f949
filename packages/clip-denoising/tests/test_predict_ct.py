"""CT in, the same with less noise out: Hounsfield units, padding, batches of slices, and which network takes what."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch import Tensor

from clip_denoising import CLIPDenoiser, Predictor
from clip_denoising.data.ct import read_ct
from clip_denoising.inference.predictor import predict_files
from clip_denoising.inference.result import CTPrediction
from visioncore.errors import InputError
from visioncore.images import Image, read_image, write_image
from visioncore.medical import Volume

nibabel: Any = import_module("nibabel")

WriteSeries = Callable[..., Path]
MakePhoto = Callable[..., Any]


class InOrder(Predictor):
    """Takes arrays for slices, rows, columns."""

    def volume(self, noisy: Any, **options: Any) -> CTPrediction:
        if isinstance(noisy, np.ndarray) and options.get("order") is None and options.get("affine") is None:
            options["order"] = "DHW"
        return super().volume(noisy, **options)


@pytest.fixture
def predictor(tiny_ct: CLIPDenoiser) -> Predictor:
    return InOrder(tiny_ct, "cpu")


def scan(slices: int = 3, height: int = 32, width: int = 64) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return an object of 50 HU in air with noise."""
    rng = np.random.default_rng(0)
    hu = np.full((slices, height, width), -1000.0)
    hu[:, height // 4 : -(height // 4), width // 4 : -(width // 4)] = 50
    return np.rint(hu + rng.normal(0, 60, hu.shape)).astype(np.float32)


def expected(model: CLIPDenoiser, hu: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return what the card of the method says: HU + 1024 over 4096 into the network, and back."""
    with torch.no_grad():
        denoised = model.denoise(torch.from_numpy((hu + 1024) / 4096)[:, None].float())[:, 0]
    return denoised.numpy() * 4096 - 1024


@pytest.mark.parametrize("batch", [1, 2, 8])
@pytest.mark.parametrize("size", [(32, 64), (33, 47), (1, 1)])
def test_hounsfield_units_in_and_out(tiny_ct: CLIPDenoiser, batch: int, size: tuple[int, int]) -> None:
    hu = scan(3, *size)
    result = InOrder(tiny_ct, "cpu", batch=batch)(hu)
    assert isinstance(result, CTPrediction)
    assert result.hu.dtype == np.float32
    np.testing.assert_allclose(result.hu, expected(tiny_ct, hu), atol=0.02)
    np.testing.assert_array_equal(result.noisy.voxels, hu)


def test_slices_go_in_batches(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    run = predictor.network

    def count(images: Tensor) -> Tensor:
        sizes.append(len(images))
        return run(images)

    monkeypatch.setattr(predictor, "network", count)
    predictor.batch = 4
    predictor.volume(scan(9))
    assert sizes == [4, 4, 1]


def test_memory_that_ran_out_is_remembered(tiny_ct: CLIPDenoiser, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    predictor = InOrder(tiny_ct, "cpu", batch=4, notify=said.append)
    run, hu = predictor.network, scan(9)

    def limited(images: Tensor) -> Tensor:
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run(images)

    monkeypatch.setattr(predictor, "network", limited)
    np.testing.assert_allclose(predictor.volume(hu).hu, expected(tiny_ct, hu), atol=0.02)
    assert said == ["out of memory at size 4, going on with 2"]


def test_what_was_not_measured_is_air_to_the_network_and_stays(predictor: Predictor, tiny_ct: CLIPDenoiser) -> None:
    hu = scan()
    hu[:, :4] = -2000
    hu[:, 4:6] = -3024
    air = np.where(hu <= -2000, np.float32(-1024), hu)
    result = predictor.volume(hu)
    np.testing.assert_array_equal(result.hu[:, :6], hu[:, :6])
    np.testing.assert_allclose(result.hu[:, 6:], expected(tiny_ct, air)[:, 6:], atol=0.02)


def test_strength_zero_changes_no_number_in_a_file(
    tiny_ct: CLIPDenoiser, write_series: WriteSeries, tmp_path: Path
) -> None:
    folder = write_series(tmp_path / "in")
    result = InOrder(tiny_ct, "cpu", strength=0).volume(folder)
    assert result.save(tmp_path / "out") == tmp_path / "out"
    np.testing.assert_array_equal(read_ct(tmp_path / "out").voxels, read_ct(folder).voxels)


def test_where_results_are_saved(predictor: Predictor, write_series: WriteSeries, tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in")
    nibabel.save(nibabel.Nifti1Image(scan().T.astype(np.int16), np.eye(4)), tmp_path / "a.nii.gz")
    (tmp_path / "out").mkdir()
    assert predictor.volume(tmp_path / "a.nii.gz").save(tmp_path / "out") == tmp_path / "out" / "a.nii.gz"
    assert predictor.volume(tmp_path / "a.nii.gz").save(tmp_path / "b.nii") == tmp_path / "b.nii"
    assert predictor.volume(scan()).save(tmp_path / "new") == tmp_path / "new" / "denoised.npy"
    assert predictor.volume(folder / "IM0000.dcm").save(tmp_path / "out") == tmp_path / "out" / "IM0000.dcm"
    for source, target in ((folder, folder), (tmp_path / "a.nii.gz", tmp_path)):
        with pytest.raises(InputError, match="this is the noisy scan itself"):
            predictor.volume(source).save(target)


def test_ct_in_one_line_and_as_an_array(predictor: Predictor, tmp_path: Path) -> None:
    result = predictor(scan())
    assert isinstance(result, CTPrediction)
    assert np.shares_memory(np.asarray(result), result.hu)
    depth, height, width = scan().shape
    assert repr(result) == f"CTPrediction({depth} slices of {width} x {height} in HU)"
    np.save(tmp_path / "a.npy", scan())
    assert repr(predictor(tmp_path / "a.npy")).endswith(f"in HU, from {tmp_path / 'a.npy'})")
    with pytest.raises(InputError, match="an array of CT holds Hounsfield units"):
        predictor(scan(), range=(0, 1))


def test_a_figure(predictor: Predictor, tmp_path: Path) -> None:
    result = predictor.volume(scan())
    result.plot(tmp_path / "a.png")
    result.plot(tmp_path / "b.png", 0)
    middle, first = (read_image(tmp_path / name).pixels for name in ("a.png", "b.png"))
    assert middle.shape == first.shape
    assert result._repr_png_() == result.plot()._repr_png_()  # type: ignore[attr-defined]
    assert not np.array_equal(middle, first)
    with pytest.raises(InputError, match="slice 3: the volume has slices 0 to 2"):
        result.plot(tmp_path / "c.png", 3)


def test_what_is_given_comes_back_as_the_same_kind(tiny_ct: CLIPDenoiser) -> None:
    predictor = Predictor(tiny_ct, "cpu")
    # slices lie across the second axis of the array, and columns run upwards
    affine = np.array([[0, 0, 2.0, -80], [0, 5.0, 0, -90], [0.8, 0, 0, 11], [0, 0, 0, 1]])
    image = nibabel.Nifti1Image(np.ascontiguousarray(scan().transpose(2, 0, 1)), affine)
    result = predictor(image)
    assert isinstance(result, CTPrediction)
    given = result.as_given()
    assert type(given) is nibabel.Nifti1Image
    np.testing.assert_array_equal(given.affine, affine)
    for options in ({"affine": affine}, {"order": "DHW", "affine": affine}):
        array = image.get_fdata() if len(options) == 1 else image.get_fdata().T
        back = predictor(array, **options).as_given()  # type: ignore[attr-defined]
        np.testing.assert_allclose(back if len(options) == 1 else back.T, given.get_fdata(), atol=0.02)
    assert np.abs(given.get_fdata() - image.get_fdata()).max() > 1
    with pytest.raises(InputError, match=r"an array of \(3, 32, 64\) does not say which axes are slices"):
        predictor(scan())


def test_axial_slices_are_denoised_of_an_image_in_the_memory(tiny_ct: CLIPDenoiser) -> None:
    hu = scan()
    image = nibabel.Nifti1Image(np.ascontiguousarray(hu.T), np.diag([-1.0, -1, 5, 1]))
    np.testing.assert_allclose(
        Predictor(tiny_ct, "cpu").volume(image).as_given().get_fdata().T, expected(tiny_ct, hu), atol=0.02
    )


def test_an_image_of_simpleitk_comes_back_as_one(tiny_ct: CLIPDenoiser) -> None:
    sitk: Any = pytest.importorskip("SimpleITK")
    hu = scan()
    image = sitk.GetImageFromArray(hu)
    image.SetSpacing((0.7, 0.8, 5))
    denoised = Predictor(tiny_ct, "cpu").volume(image).as_given()
    np.testing.assert_allclose(sitk.GetArrayFromImage(denoised), expected(tiny_ct, hu), atol=0.02)
    assert denoised.GetSpacing() == pytest.approx((0.7, 0.8, 5))


def test_an_empty_batch_is_one(predictor: Predictor) -> None:
    assert predictor.run(torch.zeros(0, 1, 32, 48)).shape == (0, 1, 32, 48)


# which network takes what


def test_images_are_refused_by_a_network_for_ct(predictor: Predictor, make_photo: MakePhoto, tmp_path: Path) -> None:
    pixels = make_photo(32, 32)
    write_image(tmp_path / "a.png", Image(pixels))
    for given, told in (
        (tmp_path / "a.png", r"a\.png: an image, but this network takes CT; load weights for RGB images"),
        (Image(pixels), "an image, but this network takes CT"),
        (Pillow.fromarray(pixels), "an image, but this network takes CT"),
        (pixels[None], "has 3 channels; CT has one"),
    ):
        with pytest.raises(InputError, match=told):
            predictor(given)
    with pytest.raises(InputError, match="images of 3 channels, but this network takes 1, CT; load weights for RGB"):
        predictor.image(pixels)


def test_ct_is_refused_by_a_network_for_images(tiny: CLIPDenoiser, write_series: WriteSeries, tmp_path: Path) -> None:
    folder, predictor = write_series(tmp_path / "in"), InOrder(tiny, "cpu")
    np.save(tmp_path / "a.npy", scan())
    for given in (folder, folder / "IM0000.dcm", tmp_path / "a.npy", Volume(scan())):
        with pytest.raises(InputError, match="a CT scan, but this network takes RGB images; load weights for CT"):
            predictor(given)
    with pytest.raises(InputError, match="images of 1 channels, but this network takes 3, RGB images; load weights"):
        predictor.volume(scan())
    with pytest.raises(InputError, match="in: CT scans, but this network takes RGB images; load weights for CT"):
        predict_files([folder], predictor, tmp_path / "out")


def test_bad_volumes_are_refused(predictor: Predictor, write_series: WriteSeries, tmp_path: Path) -> None:
    hu = scan()
    hu[1, 2, 3] = np.nan
    with pytest.raises(InputError, match="1 of 6144 voxels are not finite"):
        predictor(hu)
    with pytest.raises(InputError, match="has no RescaleSlope and RescaleIntercept"):
        predictor(write_series(tmp_path / "bare", RescaleSlope=None))


def test_a_network_that_overflowed_is_told(tiny_ct: CLIPDenoiser, tmp_path: Path) -> None:
    with torch.no_grad():
        tiny_ct.decoder.last.weight.fill_(float("nan"))
    result = InOrder(tiny_ct, "cpu").volume(scan())
    with pytest.raises(InputError, match="not written, for there are values that are not numbers"):
        result.save(tmp_path / "a.npy")


# many scans


@pytest.fixture
def scans(tmp_path: Path, write_series: WriteSeries) -> Path:
    write_series(tmp_path / "in" / "patient" / "series", (0, 5, 10, 20))
    nibabel.save(nibabel.Nifti1Image(scan().T.astype(np.int16), np.eye(4)), tmp_path / "in" / "a.nii.gz")
    return tmp_path / "in"


def test_a_folder_of_scans(tiny_ct: CLIPDenoiser, scans: Path, tmp_path: Path) -> None:
    noted: list[str] = []
    said: list[str] = []
    predictor = InOrder(tiny_ct, "cpu", notify=noted.append)
    np.save(scans / "bad.npy", np.full((4, 5), np.nan))
    out = tmp_path / "out"
    summary = predict_files([scans], predictor, out, say=said.append)
    assert str(summary) == "2 done, 0 skipped as done before, 1 failed"
    assert said == [f"failed: {scans / 'bad.npy'}: 20 of 20 voxels are not finite numbers, the first in slice "
                    "0, row 0, column 0; give them a value, such as that of air"]  # fmt: skip
    assert len(noted) == 1
    assert "slices are missing or at uneven steps, 10 mm from IM0002.dcm to IM0003.dcm" in noted[0]
    before, after = (nibabel.load(folder / "a.nii.gz").get_fdata() for folder in (scans, out))
    np.testing.assert_allclose(after.T, np.rint(expected(tiny_ct, before.T.astype(np.float32))), atol=1)
    names = sorted(path.name for path in (out / "patient" / "series").iterdir())
    assert names == [f"IM{n:04d}.dcm" for n in range(4)]
    assert len(predict_files([scans], predictor, out).skipped) == 2
    assert len(predict_files([scans], predictor, out, overwrite=True, say=said.append).done) == 2


@pytest.mark.parametrize("name", ["a.mha", "a.mhd", "a.nrrd", "a.hdr"])
def test_other_formats_stay_what_they_are(tiny_ct: CLIPDenoiser, tmp_path: Path, name: str) -> None:
    hu, path = scan().astype(np.int16), tmp_path / "in" / name
    path.parent.mkdir()
    if name == "a.hdr":
        nibabel.save(nibabel.Nifti1Pair(hu.T, np.diag([-1.0, -1, 5, 1])), path)
    else:
        sitk: Any = pytest.importorskip("SimpleITK")
        sitk.WriteImage(sitk.GetImageFromArray(hu), str(path))
    out = tmp_path / "out"
    assert predict_files([path.parent], Predictor(tiny_ct, "cpu"), out).done == [out / name]
    written = read_ct(out / name)
    np.testing.assert_allclose(written.voxels, np.rint(expected(tiny_ct, hu.astype(np.float32))), atol=1)
    np.testing.assert_allclose(written.affine, read_ct(path).affine)


def test_a_series_with_a_damaged_slice_fails_unless_told_otherwise(
    tiny_ct: CLIPDenoiser, write_series: WriteSeries, tmp_path: Path
) -> None:
    folder, noted, said = write_series(tmp_path / "in"), list[str](), list[str]()
    last = sorted(folder.iterdir())[-1]
    last.write_bytes(b"")
    predictor = Predictor(tiny_ct, "cpu", notify=noted.append)
    assert predict_files([folder], predictor, tmp_path / "out", say=said.append).exit_code == 1
    assert f"the slice {last.name} is damaged" in said[0]
    assert not (tmp_path / "out" / "in").exists()
    assert predict_files([folder], predictor, tmp_path / "out", skip_damaged=True).exit_code == 0
    assert noted[-1].endswith("; the scan is taken without")
    assert last.name not in {path.name for path in (tmp_path / "out" / "in").iterdir()}


def test_a_series_is_chosen_for_a_folder_of_several(
    predictor: Predictor, scans: Path, write_series: WriteSeries, tmp_path: Path
) -> None:
    series = write_series(scans / "patient" / "series", (0, 5), SeriesInstanceUID="1.2.3")
    said: list[str] = []
    assert predict_files([series], predictor, tmp_path / "out", say=said.append).exit_code == 1
    assert "holds 2 series; choose one by its UID" in said[0]
    assert predict_files([series], predictor, tmp_path / "out", series="1.2.3").exit_code == 0
    assert len(list((tmp_path / "out" / "series").iterdir())) == 2


def test_files_without_suffix_keep_their_names(predictor: Predictor, scans: Path, tmp_path: Path) -> None:
    file = scans / "patient" / "series" / "IM0000.dcm"
    bare = file.rename(file.with_name("IM0"))
    assert predict_files([bare], predictor, tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "IM0").is_file()
