"""Scans in, organs out: what the network sees, what becomes of its answer, what is written, what goes wrong."""

from __future__ import annotations

import itertools
import json
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import uniform_filter, zoom
from torch import Tensor, nn

from hsam_medseg import HSAM, HSAMConfig, Output, Predictor, Preprocessing, Segmentation, Volume
from hsam_medseg.data.labels import read_labels, write_labels
from hsam_medseg.data.scans import read_volume
from hsam_medseg.inference.predictor import predict_files
from hsam_medseg.inference.result import beside
from hsam_medseg.inference.slice_by_slice import slices_at_a_time
from hsam_medseg.inference.work_ahead import ahead, one_behind
from visioncore.errors import InputError
from visioncore.inference.dihedral import turned, turned_back
from visioncore.testing.dicom_files import write_series
from visioncore.testing.memory import room_for
from visioncore.testing.suites.base import files_in

nibabel: Any = import_module("nibabel")  # not typed throughout
Array = np.ndarray[Any, Any]
CODES = [
    "".join(letters) for axes in itertools.permutations(("LR", "PA", "IS")) for letters in itertools.product(*axes)
]
SIDE = 16


class Analytic(nn.Module):
    """A network whose logits are a given function of its input."""

    def __init__(
        self,
        fine: Callable[[Tensor], Tensor],
        coarse: Callable[[Tensor], Tensor] | None = None,
        config: Any = None,
        **changes: Any,
    ) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(()))
        processing = Preprocessing(window=changes.pop("window", "unit"), input_size=changes.pop("input_size", None))
        plain = HSAMConfig("vit_micro", SIDE, ("dim", "bright"), preprocessing=processing)
        self.config = config or replace(plain, **changes)
        self.fine, self.coarse = fine, coarse or fine
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Output:
        self.seen.append(images.detach().clone())
        return Output(nn.functional.avg_pool2d(self.coarse(images), 4), self.fine(images))


def by_brightness(images: Tensor) -> Tensor:
    """Background at 0, the first class at 0.5, the second at 1."""
    return -100 * (images.mean(dim=1, keepdim=True) - torch.tensor([0, 0.5, 1]).view(1, 3, 1, 1)) ** 2


def by_place(images: Tensor) -> Tensor:
    """The first class at the top, the second at the lower left."""
    logits = torch.zeros(len(images), 3, *images.shape[-2:])
    half = images.shape[-1] // 2
    logits[:, 1, :half] = 1
    logits[:, 2, half:, :half] = 1
    return logits


class InOrder(Predictor):
    """Takes arrays for slices, rows, columns."""

    def __call__(self, scan: Any, **options: Any) -> Segmentation:
        if isinstance(scan, np.ndarray):
            options.setdefault("order", "HW" if scan.ndim == 2 else "DHW")
        return super().__call__(scan, **options)


def make(model: nn.Module, **options: Any) -> Predictor:
    if isinstance(model, Analytic):
        options.setdefault("stage", "fine")
    return InOrder(cast(HSAM, model), "cpu", **options)


def brightness(**changes: Any) -> Analytic:
    return Analytic(by_brightness, **changes)


def random_scan(*shape: int, seed: int = 0) -> Array:
    """Soft blobs over the whole range from 0 to 1."""
    noise = uniform_filter(np.random.default_rng(seed).random(shape), (1, 5, 5, 1)[: len(shape)])
    return ((noise - noise.min()) / np.ptp(noise)).astype(np.float32)


def placed(voxels: Array) -> Volume:
    return Volume(voxels, np.array([[-2.0, 0, 0, 9], [0, -1, 0, 8], [0, 0, 5, 7], [0, 0, 0, 1]]), located=True)


def write_nifti(path: Path, volume: Volume) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(volume.voxels.transpose(2, 1, 0), volume.affine).to_filename(path)
    return path


def loop(scan: Array, logits: Callable[[Tensor], Tensor], input_size: int | None = None) -> Array:
    """The card's inference, slice by slice."""
    labels = np.empty(scan.shape[:3], np.uint8)
    for index, piece in enumerate(scan):
        height, width = piece.shape[:2]
        for size in (input_size, SIDE):
            if size is not None and piece.shape[:2] != (size, size):
                factors = (size / piece.shape[0], size / piece.shape[1], 1)[: piece.ndim]
                piece = zoom(piece, factors, order=3)
        planes = piece[None].repeat(3, 0) if piece.ndim == 2 else piece.transpose(2, 0, 1)
        chosen = logits(torch.from_numpy(planes[None].astype(np.float32)))[0].argmax(0).numpy().astype(np.uint8)
        labels[index] = (
            chosen if (height, width) == (SIDE, SIDE) else zoom(chosen, (height / SIDE, width / SIDE), order=0)
        )
    return labels


# one scan


@pytest.mark.parametrize(("side", "together"), [(224, 8), (512, 1), (300, 4), (2048, 1), (32, 8)])
def test_large_slices_go_one_by_one_on_a_cpu(side: int, together: int) -> None:
    assert slices_at_a_time(torch.device("cpu"), side) == together
    assert slices_at_a_time(torch.device("cuda"), side) == 8


def test_the_batch_goes_by_the_size_unless_it_is_given() -> None:
    assert (make(brightness()).batch, make(brightness(), batch=3).batch) == (8, 3)


@pytest.mark.parametrize("shape", [(5, 40, 28), (3, SIDE, SIDE), (1, 9, 9), (4, 16, 30), (3, 20, 24, 3)])
@pytest.mark.parametrize("input_size", [None, 12, SIDE])
@pytest.mark.parametrize("batch", [1, 2, 8])
def test_against_a_plain_loop(shape: tuple[int, ...], input_size: int | None, batch: int) -> None:
    scan = random_scan(*shape)
    result = make(brightness(input_size=input_size), batch=batch)(scan)
    np.testing.assert_array_equal(result.labels.voxels, loop(scan, by_brightness, input_size))
    assert result.labels.voxels.dtype == np.uint8
    assert len(np.unique(result.labels.voxels)) >= 2


@pytest.mark.parametrize(("stage", "logits"), [("stage3", "fused"), ("stage2", "fine")])
def test_the_golden_volume(golden: Any, make_input: Any, stage: str, logits: str) -> None:
    case = golden("evaluation")
    volume = uniform_filter(make_input(case.about["inputs"]["volume"]).numpy(), size=(1, 5, 5)).astype(np.float32)
    centres = torch.arange(9).view(1, 9, 1, 1) / 8

    def analytic(images: Tensor) -> Tensor:
        low, high = (bound(images, dim=(1, 2, 3), keepdim=True) for bound in (torch.amin, torch.amax))
        u = ((images - low) / (high - low))[:, :1]
        first, second = -((u - centres) ** 2), -((u**2 - centres) ** 2)
        return (first + second) / 2 if logits == "fused" else second

    config = SimpleNamespace(
        image_size=28,
        channels=9,
        classes=tuple("abcdefgh"),
        decoder="hierarchical",
        preprocessing=Preprocessing("unit", input_size=28),
    )
    model = Analytic(analytic, config=config)
    labels = make(model).segment(volume)
    case.close(f"volume.{stage}.prediction", torch.from_numpy(labels))
    case.close("volume.network_input", torch.cat(model.seen)[:, 0])


@pytest.mark.parametrize("stage", ["fused", "fine", "coarse"])
def test_the_stage_decides(tiny: HSAM, stage: Any) -> None:
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    predictor = make(tiny, stage=stage, batch=1)
    with torch.no_grad():
        output = tiny(images)
    upsampled = nn.functional.interpolate(output.coarse_logits, scale_factor=4, mode="bilinear")
    expected = {"fused": (upsampled + output.fine_logits) / 2, "fine": output.fine_logits, "coarse": upsampled}[stage]
    torch.testing.assert_close(predictor.run(images), expected, rtol=1e-4, atol=1e-5)
    labels = predictor.segment(images.mean(1).numpy())
    with torch.no_grad():
        grey = predictor.run(images.mean(1, keepdim=True).expand(-1, 3, -1, -1)).argmax(1)
    assert (labels == grey.numpy()).mean() > 0.999


def test_the_self_ensemble_is_the_mean_of_eight(tiny: HSAM) -> None:
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    plain, ensemble = make(tiny), make(tiny, self_ensemble=True)
    mean = torch.stack([turned_back(plain.run(turned(images, way)), way) for way in range(8)]).mean(dim=0)
    torch.testing.assert_close(ensemble.run(images), mean, rtol=1e-4, atol=1e-5)
    labels = ensemble.segment(images[:, :1].expand(-1, 3, -1, -1).movedim(1, -1).numpy())
    assert labels.shape == (1, 64, 64)


def test_the_compiled_network_is_what_runs(tiny: HSAM, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def compiled(model: HSAM) -> HSAM:
        seen.append(model)
        return model

    monkeypatch.setattr(torch, "compile", compiled)
    images = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(make(tiny, compile=True).run(images), make(tiny).run(images))
    assert seen == [tiny]


def test_a_network_of_one_decoder_has_no_fine_stage(tiny: HSAM) -> None:
    single = HSAM(replace(tiny.config, decoder="coarse"))
    images = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(make(single, stage="fused").run(images), make(single, stage="coarse").run(images))
    with pytest.raises(InputError, match=r"stage is fine, but this network \(coarse\) has one decoder"):
        make(single, stage="fine")


def test_the_same_scan_in_every_form(tmp_path: Path) -> None:
    volume = placed(random_scan(4, 20, 24))
    path = write_nifti(tmp_path / "scan.nii.gz", volume)
    predictor = make(brightness())
    results = [predictor(scan) for scan in (path, str(path), volume, read_volume(path), volume.voxels)]
    for result in results:
        assert isinstance(result, Segmentation)
        np.testing.assert_array_equal(result.labels.voxels, results[0].labels.voxels)
    np.testing.assert_array_equal(results[0].labels.affine, volume.affine)
    assert results[0].scan.source == path
    assert (results[0].labels.located, results[4].labels.located) == (True, False)
    one = predictor(volume.voxels[1])
    np.testing.assert_array_equal(one.labels.voxels[0], results[0].labels.voxels[1])


def test_what_is_given_comes_back_as_the_same_kind() -> None:
    volume = placed(random_scan(4, 20, 24))
    expected = make(brightness())(volume).labels.voxels.transpose(2, 1, 0)
    image = nibabel.Nifti1Image(volume.voxels.transpose(2, 1, 0), volume.affine)
    predictor = Predictor(cast(HSAM, brightness()), "cpu", stage="fine")
    result = predictor(image)
    labels = result.as_given()
    assert type(labels) is type(image)
    np.testing.assert_array_equal(np.asarray(labels.dataobj), expected)
    np.testing.assert_array_equal(labels.affine, image.affine)
    assert result.volumes_ml == predictor(volume).volumes_ml
    array = image.get_fdata()
    for options in ({"affine": image.affine}, {"order": "WHD"}):
        np.testing.assert_array_equal(predictor(array, **options).as_given(), expected)
    np.testing.assert_array_equal(predictor(array.astype(">f4"), order="WHD").as_given(), expected)
    assert predictor(volume).as_given().voxels.shape == volume.voxels.shape
    with pytest.raises(InputError, match=r"an array of \(24, 20, 4\) does not say which axes are slices"):
        predictor(array)


def test_an_image_of_simpleitk_comes_back_as_one() -> None:
    sitk: Any = pytest.importorskip("SimpleITK")
    scan = random_scan(4, 20, 24)
    image = sitk.GetImageFromArray(scan)
    image.SetSpacing((0.7, 0.8, 5))
    image.SetOrigin((1, 2, 3))
    labels = make(brightness())(image).as_given()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(labels), loop(scan, by_brightness))
    assert labels.GetSpacing() == pytest.approx((0.7, 0.8, 5))
    assert labels.GetOrigin() == pytest.approx((1, 2, 3))


def test_an_image_without_a_place_is_noted() -> None:
    said: list[str] = []
    image = nibabel.Nifti1Image(random_scan(4, 20, 24).T, None)
    make(brightness(), notify=said.append)(image)
    assert said == ["the image: its header has neither sform nor qform; slices are taken as they are, sizes in mm are "
                    "unknown"]  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_the_order_in_which_a_scan_is_stored_does_not_matter(code: str) -> None:
    predictor = make(Analytic(by_place))
    volume = placed(random_scan(4, 20, 24))
    straight = predictor(volume, probabilities=True)
    assert straight.labels.voxels[0, 0, 0] == 1
    assert straight.labels.voxels[0, -1, 0] == 2
    stored = volume.oriented(code)
    result = predictor(stored, probabilities=True)
    np.testing.assert_array_equal(result.labels.voxels, straight.labels.oriented(code).voxels)
    np.testing.assert_array_equal(result.labels.affine, stored.affine)
    assert result.labels.orientation == code
    assert result.probabilities is not None
    np.testing.assert_array_equal(result.probabilities.argmax(0), result.labels.voxels)


def test_slices_may_be_taken_as_they_are_stored() -> None:
    model = Analytic(by_place)
    model.config = replace(model.config, preprocessing=Preprocessing("unit", "stored"))
    volume = placed(random_scan(4, 20, 24)).oriented("RAS")
    labels = make(model)(volume).labels.voxels
    assert (labels[0, 0, 0], labels[0, -1, 0]) == (1, 2)


def test_colours_are_the_three_channels() -> None:
    def redder(images: Tensor) -> Tensor:
        return torch.stack([images[:, 1], images[:, 0], images[:, 2]], dim=1)

    scan = random_scan(2, SIDE, SIDE, 3)
    result = make(Analytic(redder))(scan)
    np.testing.assert_array_equal(result.labels.voxels, scan[..., [1, 0, 2]].argmax(-1))
    eight_bit = (scan * 255).astype(np.uint8)
    np.testing.assert_array_equal(make(Analytic(redder))(eight_bit).labels.voxels, eight_bit[..., [1, 0, 2]].argmax(-1))


@pytest.mark.parametrize("kind", [np.int16, np.float64, np.float16])
def test_the_window_makes_intensities_comparable(kind: Any) -> None:
    scan = (random_scan(3, 20, 24) * 400 - 125).astype(kind)
    result = make(brightness(window="abdomen"))(scan)
    np.testing.assert_array_equal(result.labels.voxels, loop(((scan + 125.0) / 400).astype(np.float32), by_brightness))
    assert result.intensities == (-125, 275)
    other = make(brightness(window="abdomen"), window="0,100")(scan)
    assert other.preprocessing == Preprocessing("0,100")
    assert other.intensities == (0, 100)
    np.testing.assert_array_equal(
        other.labels.voxels, loop((scan.astype(np.float64).clip(0, 100) / 100).astype(np.float32), by_brightness)
    )


def test_windows_by_the_values_go_by_the_whole_volume() -> None:
    scan = random_scan(3, SIDE, SIDE) * np.array([0.2, 1, 2], np.float32)[:, None, None]
    result = make(brightness(), window="range")(scan)
    np.testing.assert_array_equal(result.labels.voxels, loop(scan / scan.max(), by_brightness))


@pytest.mark.parametrize("value", [0, 7, -1e9])
def test_a_constant_scan_is_dark(value: float) -> None:
    model = brightness(window="mr")
    make(model, notify=lambda line: None)(np.full((2, SIDE, SIDE), value))
    assert not torch.cat(model.seen).any()


def test_a_scan_that_is_windowed_already_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^the scan: the window is for Hounsfield units, .* name the window unit$"):
        make(brightness(window="abdomen"))(random_scan(2, 20, 24))
    np.save(tmp_path / "case.npy", random_scan(2, 20, 24))
    said: list[str] = []
    summary = predict_files([tmp_path], make(brightness(window="lung")), tmp_path / "out", say=said.append)
    assert summary.exit_code == 1
    assert said == [f"failed: {summary.failed[tmp_path / 'case.npy']}"]
    assert said[0].startswith(f"failed: {tmp_path / 'case.npy'}: the window is for Hounsfield units")


def test_an_input_size_can_be_asked_for() -> None:
    model = brightness(input_size=8)
    scan = random_scan(2, 20, 24)
    np.testing.assert_array_equal(
        make(model, input_size=SIDE)(scan).labels.voxels, make(brightness())(scan).labels.voxels
    )
    assert make(model).preprocessing.input_size == 8


# probabilities


@pytest.mark.parametrize("size", [(20, 24), (SIDE, SIDE), (224, 224), (37, 51)])
def test_probabilities_are_those_of_the_labels(size: tuple[int, int]) -> None:
    scan = random_scan(3, *size)
    result = make(brightness(), batch=2)(scan, probabilities=True)
    assert result.probabilities is not None
    assert result.probabilities.shape == (3, 3, *size)
    assert result.probabilities.dtype == np.float16
    np.testing.assert_allclose(result.probabilities.sum(0, dtype=np.float32), 1, atol=2e-3)
    highest = result.probabilities.max(0)
    np.testing.assert_array_equal(np.take_along_axis(result.probabilities, result.labels.voxels[None], 0)[0], highest)
    assert make(brightness())(scan).probabilities is None


def test_where_the_published_zoom_looks_outside_is_background() -> None:
    # rounding puts the last row and column of such sizes just outside, and SciPy fills them with 0
    scan = np.ones((1, 56, 56), np.float32)
    size = next(size for size in range(20, 400) if not zoom(np.ones((SIDE, SIDE)), size / SIDE, order=0).all())
    result = make(brightness())(np.ones((1, size, size), np.float32), probabilities=True)
    assert (result.labels.voxels[0, :-1, :-1] == 2).all()
    assert not result.labels.voxels[0, -1].any()
    assert result.probabilities is not None
    assert (result.probabilities[0, 0, -1] == 1).all()
    assert (make(brightness())(scan).labels.voxels == loop(scan, by_brightness)).all()


# what is told of it


def test_volumes_in_millilitres(tmp_path: Path) -> None:
    scan = np.zeros((3, SIDE, SIDE), np.float32)
    scan[0, :4, :5] = 0.5
    scan[1:, :2, :5] = 1
    result = make(brightness())(placed(scan))
    assert result.voxels == {"dim": 20, "bright": 20}
    assert result.volumes_ml == pytest.approx({"dim": 20 * 10 / 1000, "bright": 20 * 10 / 1000})
    assert result.note is None
    assert make(brightness())(scan).volumes_ml == {"dim": None, "bright": None}
    target = result.save(tmp_path / "labels.nii.gz")
    report = json.loads((tmp_path / "labels.json").read_text())
    assert report["organs"]["bright"] == {
        **{"label": 2, "voxels": 20},
        **{"ml": pytest.approx(0.2), "mean_intensity": 1.0},
    }
    assert report["spacing_mm"] == [5, 1, 2]
    assert report["orientation"] == "LPS"
    assert report["preprocessing"] == {"window": "unit", "orientation": "LPS", "input_size": None}
    assert (report["intensities"], report["stage"]) == ([0, 1], "fine")
    assert read_labels(target).voxels.sum() == 60


def test_demo_weights_are_noted_in_the_report(tmp_path: Path) -> None:
    said: list[str] = []
    predictor = Predictor("demo", "cpu", notify=said.append)
    result = predictor(np.zeros((2, 24, 24), np.uint8), order="DHW")
    result.save(tmp_path / "labels.nii.gz")
    note = json.loads((tmp_path / "labels.json").read_text())["note"]
    assert note == "; ".join(said)
    assert said[0].startswith("demo weights: trained on synthetic volumes alone")
    assert len(said) == 1 + (result.note is not None)


def test_a_segmentation_in_one_line() -> None:
    scan = np.zeros((3, SIDE, SIDE), np.float32)
    assert repr(make(brightness(), notify=len)(scan)).endswith("nothing found)")
    scan[1:, :2, :5] = 1
    assert repr(make(brightness())(placed(scan))).endswith(f"(3 slices of {SIDE} x {SIDE}: bright 0.2 ml)")


def test_a_scan_with_nothing_in_it_is_noted(tmp_path: Path) -> None:
    said: list[str] = []
    path = write_nifti(tmp_path / "dark.nii.gz", placed(np.zeros((2, SIDE, SIDE), np.float32)))
    result = make(brightness(), notify=said.append)(path)
    assert said == [result.note]
    assert said[0].startswith(f"{path}: nothing found, every voxel is background; check that the window unit (0 to 1)")
    with pytest.warns(UserWarning, match="the scan: nothing found"):
        make(brightness())(np.zeros((2, SIDE, SIDE)))


def test_more_than_255_classes() -> None:
    names = tuple(f"organ {number}" for number in range(1, 301))

    def many(images: Tensor) -> Tensor:
        return -((images.mean(1, keepdim=True) * 300 - torch.arange(301).view(1, 301, 1, 1)) ** 2)

    scan = np.linspace(0, 1, SIDE * SIDE, dtype=np.float32).reshape(1, SIDE, SIDE)
    result = make(Analytic(many, classes=names))(scan, order="DHW")
    assert result.labels.voxels.dtype == np.uint16
    assert result.labels.voxels.max() == 300
    assert result.voxels["organ 300"] == (result.labels.voxels == 300).sum()


def test_where_results_are_saved(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.b.nii.gz", placed(random_scan(2, 20, 24)))
    result = make(brightness())(path, probabilities=True)
    assert result.save(tmp_path / "new") == tmp_path / "new" / "a.b.nii.gz"
    assert files_in(tmp_path / "new") == ["a.b.json", "a.b.nii.gz", "a.b_probabilities.nii.gz"]
    result.save(tmp_path / "other" / "x.nii")
    assert files_in(tmp_path / "other") == ["x.json", "x.nii", "x_probabilities.nii.gz"]
    written = nibabel.load(tmp_path / "new" / "a.b_probabilities.nii.gz")
    assert result.probabilities is not None
    np.testing.assert_allclose(written.get_fdata().transpose(3, 2, 1, 0), result.probabilities)
    with pytest.raises(InputError, match="this is the scan itself"):
        result.save(tmp_path)
    with pytest.raises(InputError, match="this is the scan itself"):
        result.save(path)
    assert make(brightness())(random_scan(2, 20, 24)).save(tmp_path / "array").name == "labels.nii.gz"


def test_the_names_beside_labels() -> None:
    for labels in ("a/x.nii.gz", "a/x.nii", "a/x.npz"):
        assert beside(Path(labels), ".json") == Path("a/x.json")
    assert beside(Path("x.1.nii.gz"), "_probabilities.nii.gz") == Path("x.1_probabilities.nii.gz")


# what is refused


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"batch": 0}, "batch is 0"),
        ({"stage": "both"}, "stage is 'both'; it must be fused or fine or coarse"),
        ({"input_size": 0}, "input_size is 0"),
        ({"window": "spine"}, "window is 'spine'"),
        ({"dtype": "half"}, "unknown precision 'half'"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
    ],
)
def test_options_that_make_no_sense_are_refused(tiny: HSAM, options: Mapping[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Predictor(tiny, **{"device": "cpu", **options})


@pytest.mark.parametrize(
    ("scan", "told"),
    [
        (np.zeros(16), r"order is 'DHW' for an array of \(16,\)"),
        (np.zeros((2, 3, 4, 2)), "a volume must be"),
        (np.zeros((0, 20, 20)), "without voxels"),
        (np.zeros((2, 20, 20), complex), "must be real numbers"),
        (
            np.where(np.arange(800).reshape(2, 20, 20) == 500, np.nan, 1),
            "1 of 800 voxels are .*, .* slice 1",
        ),
        (np.full((2, 20, 20), np.inf), "800 of 800 voxels are not finite numbers, the first in slice 0"),
    ],
)
def test_arrays_that_are_no_scans_are_refused(scan: Array, told: str) -> None:
    with pytest.raises(InputError, match=told):
        make(brightness())(scan)


def test_files_that_are_no_scans_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no scan")
    voxels = np.zeros((2, 5, 6), np.float32)
    voxels[1, 2, 3] = np.nan
    holed = write_nifti(tmp_path / "holed.nii.gz", placed(voxels))
    for path, told in (
        (tmp_path / "none.nii.gz", "none.nii.gz"),
        (tmp_path / "notes.txt", "not a volume"),
        (tmp_path, "no DICOM files or images in this folder"),
        (holed, "not finite numbers, the first in slice 1, row 2, column 3"),
    ):
        with pytest.raises(InputError, match=told) as refusal:
            make(brightness())(path)
        assert "\n" not in str(refusal.value)


def test_segment_takes_windowed_slices_only() -> None:
    predictor = make(brightness(window="abdomen"))
    scan = random_scan(3, 20, 24)
    np.testing.assert_array_equal(predictor.segment(scan), loop(scan, by_brightness))
    with pytest.raises(InputError, match="slices are of uint8"):
        predictor.segment(scan.astype(np.uint8))
    with pytest.raises(InputError, match="are not finite numbers, the first in slice 1"):
        predictor.segment(np.full((2, 9, 9), [[[0]], [[np.nan]]], np.float32))


@pytest.mark.parametrize("images", [torch.zeros(16, 16), torch.zeros(1, 1, 16, 16)])
def test_logits_are_of_whole_batches(images: Tensor) -> None:
    with pytest.raises(InputError, match=r"they must be \(B, 3, 16, 16\)"):
        make(brightness()).run(images)


def test_an_empty_batch_has_no_labels() -> None:
    predictor = make(brightness())
    assert predictor.run(torch.zeros(0, 3, 16, 16)).shape == (0, 3, 16, 16)
    assert predictor.segment(np.zeros((0, 20, 24), np.float32)).shape == (0, 20, 24)


def test_an_answer_that_is_not_finite_is_not_hidden() -> None:
    def broken(images: Tensor) -> Tensor:
        return by_brightness(images) / (images.amax(dim=(1, 2, 3), keepdim=True) > 0.5)

    scan = np.ones((5, 20, 24), np.float32)
    scan[3] = 0.1
    with pytest.raises(InputError, match="slice 3: the network's output is not finite"):
        make(Analytic(broken), batch=2)(scan)


# precision, memory, threads


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_lower_precision_stays_near(tiny: HSAM, dtype: str, tmp_path: Path) -> None:
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    full, half = (make(tiny, dtype=name) for name in ("float32", dtype))
    exact, lowered = full.run(images), half.run(images)
    assert lowered.dtype == torch.float32
    assert 0 < (lowered - exact).abs().mean() < 0.05 * exact.abs().mean()
    full.model.save_pretrained(tmp_path / "full")
    with pytest.raises(InputError, match="prepared for inference"):
        half.model.save_pretrained(tmp_path / "half")


def test_out_of_memory_backs_off_once_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    model, said = brightness(), list[str]()
    predictor = make(model, batch=8, notify=said.append)
    scan = random_scan(11, 20, 24)
    with room_for(2, model, "forward", monkeypatch) as sizes:
        for _ in range(2):
            labels = predictor(scan).labels.voxels
            np.testing.assert_array_equal(labels, loop(scan, by_brightness))
    assert said == ["out of memory at size 8, going on with 4", "out of memory at size 4, going on with 2"]
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 1]


def test_memory_that_never_suffices_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    model = brightness()
    with room_for(0, model, "forward", monkeypatch), pytest.raises(InputError, match="even at the smallest size"):
        make(model, notify=lambda line: None)(random_scan(2, 20, 24))


def test_other_errors_are_not_taken_for_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(images: Tensor) -> Tensor:
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        make(Analytic(broken))(random_scan(2, 20, 24))


def test_slices_are_made_ready_while_the_network_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than agreed wait at a time, however long the volume."""
    model, started, most = brightness(), threading.Semaphore(0), list[int]()
    done = 0
    predictor = make(model, batch=2)
    prepare = predictor.segmenter._prepare

    def counted(piece: Any) -> Any:
        started.release()
        return prepare(piece)

    def forward(images: Tensor) -> Output:
        nonlocal done
        if done < 16:
            # deadlocks unless threads go on with the next slices meanwhile
            for _ in images:
                assert started.acquire(timeout=60)
            assert started.acquire(timeout=60)
            started.release()
        done += len(images)
        most.append(started._value)
        return Output(nn.functional.avg_pool2d(by_brightness(images), 4), by_brightness(images))

    monkeypatch.setattr(predictor.segmenter, "_prepare", counted)
    monkeypatch.setattr(model, "forward", forward)
    predictor(random_scan(20, 20, 24))
    assert done == 20
    assert max(most) <= 4


def test_work_ahead_keeps_its_order_and_its_bounds() -> None:
    begun: list[int] = []

    def work(index: int) -> int:
        begun.append(index)
        return index * index

    for count, most in ((10, 3), (3, 10), (1, 1), (0, 4)):
        assert list(ahead(work, count, most)) == [index * index for index in range(count)]
    begun.clear()
    results = ahead(work, 100, 4)
    for _ in range(3):
        next(results)
    results.close()  # type: ignore[attr-defined]
    assert len(begun) <= 7


def test_an_error_in_a_thread_comes_out() -> None:
    def work(index: int) -> int:
        return 1 // (2 - index)

    results = ahead(work, 5, 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_one_behind() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(3):
            taken.append(item)
            yield item

    behind = one_behind(items())
    assert next(behind) == 0
    assert taken == [0, 1]
    assert list(behind) == [1, 2]
    assert list(one_behind(iter([5]))) == [5]
    assert list(one_behind(iter(()))) == []


# many scans


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(("1.nii.gz", "2.nii", "sub/1.nii.gz")):
        write_nifti(tmp_path / "in" / name, placed(random_scan(3, 20, 24, seed=number)))
    return tmp_path / "in"


@pytest.fixture
def predictor() -> Predictor:
    return make(brightness())


def results(*stems: str, endings: Iterable[str] = (".nii.gz", ".json", ".png")) -> list[str]:
    return sorted(stem + ending for stem in stems for ending in endings)


def test_a_folder_with_a_broken_file(predictor: Predictor, folder: Path, tmp_path: Path) -> None:
    (folder / "0.nii.gz").write_bytes((folder / "1.nii.gz").read_bytes()[:900])
    (folder / "3.nii").write_text("not a scan")
    said: list[str] = []
    summary = predict_files([folder], predictor, tmp_path / "out", say=said.append)
    assert files_in(tmp_path / "out") == results("1", "2", "sub/1")
    assert summary.exit_code == 1
    assert str(summary) == "3 done, 0 skipped as done before, 2 failed"
    assert [line.split(":")[1].strip() for line in said] == [str(folder / "0.nii.gz"), str(folder / "3.nii")]
    assert all("\n" not in line for line in said)
    source = read_volume(folder / "sub" / "1.nii.gz")
    labels = read_labels(tmp_path / "out" / "sub" / "1.nii.gz")
    np.testing.assert_array_equal(labels.voxels, loop(source.voxels, by_brightness))
    np.testing.assert_allclose(labels.affine, source.affine)


def test_what_is_asked_for_later_is_made_then(predictor: Predictor, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    predict_files([folder], predictor, out, preview=False)
    assert files_in(out) == results("1", "2", "sub/1", endings=(".nii.gz", ".json"))
    assert len(predict_files([folder], predictor, out, probabilities=True, preview=False).done) == 3
    assert (out / "sub" / "1_probabilities.nii.gz").exists()
    assert len(predict_files([folder], predictor, out, probabilities=True, preview=False).skipped) == 3
    assert len(predict_files([folder], predictor, out, preview=False).skipped) == 3


def test_probabilities_of_one_scan_only_are_held(
    predictor: Predictor, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []
    save = Segmentation.save

    def watched(result: Segmentation, target: str | Path) -> Path:
        held.append(result.probabilities is not None)
        return save(result, target)

    monkeypatch.setattr(Segmentation, "save", watched)
    predict_files([folder], predictor, tmp_path / "out", probabilities=True, preview=False)
    assert held == [False] * 3
    assert nibabel.load(tmp_path / "out" / "2_probabilities.nii.gz").shape == (24, 20, 3, 3)


def test_patterns_keep_places_below_their_plain_part(predictor: Predictor, folder: Path, tmp_path: Path) -> None:
    predict_files([folder / "s*" / "*.nii.gz", folder / "2.nii"], predictor, tmp_path / "out", preview=False)
    assert files_in(tmp_path / "out") == results("2", "sub/1", endings=(".nii.gz", ".json"))


def test_inputs_and_folders_that_will_not_do(predictor: Predictor, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "only" / "out").mkdir(parents=True)
    (tmp_path / "only" / "out" / "1.nii").write_bytes((folder / "2.nii").read_bytes())
    for inputs, out, told in (
        ([tmp_path / "none"], tmp_path / "out", "no such file or folder"),
        ([tmp_path / "empty"], tmp_path / "out", "no volume in it"),
        ([tmp_path / "empty" / "*.nii"], tmp_path / "out", "no volume in it"),
        ([folder], tmp_path / "file", "cannot write in this folder"),
        ([folder], folder, "would be taken for scans next time"),
        ([tmp_path / "only"], tmp_path / "only" / "out", "no scan in it but earlier results"),
        ([folder / "1.nii.gz"], folder, "this scan would be written over"),
        ([folder / "1.nii.gz", folder / "sub" / "1.nii.gz"], tmp_path / "out", "several scans would be written"),
    ):
        with pytest.raises(InputError, match=told):
            predict_files(inputs, predictor, out)


def test_slices_in_a_folder_are_one_scan(predictor: Predictor, tmp_path: Path) -> None:
    voxels = (random_scan(3, 20, 24) * 255).astype(np.uint8)
    (tmp_path / "in" / "patient").mkdir(parents=True)
    for number, piece in enumerate(voxels):
        Image.fromarray(piece).save(tmp_path / "in" / "patient" / f"{number}.png")
    for inputs in (tmp_path / "in", tmp_path / "in" / "patient"):
        summary = predict_files([inputs], predictor, tmp_path / "out", overwrite=True)
        assert [path.name for path in summary.done] == ["patient.nii.gz"]
    assert files_in(tmp_path / "out") == results("patient")
    with pytest.warns(UserWarning, match="neither sform nor qform"):
        labels = read_labels(tmp_path / "out" / "patient.nii.gz").voxels
    np.testing.assert_array_equal(labels, loop((voxels / np.float32(255)).astype(np.float32), by_brightness))
    report = json.loads((tmp_path / "out" / "patient.json").read_text())
    assert (report["spacing_mm"], report["orientation"]) == (None, None)
    assert report["organs"]["dim"]["ml"] is None


def test_dicom_with_a_dicom_segmentation(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    pytest.importorskip("highdicom")
    sample = Path(pydicom.data.get_testdata_file("CT_small.dcm", download=False))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "scan.dcm").write_bytes(sample.read_bytes())
    out, model = tmp_path / "out", brightness(window="range", classes=("liver", "spleen"))
    assert predict_files([tmp_path / "in" / "scan.dcm"], make(model), out, dicom_seg=True).exit_code == 0
    assert files_in(out) == results("scan", endings=(".nii.gz", ".json", ".png", ".dcm"))
    written = pydicom.dcmread(out / "scan.dcm")
    assert written.Modality == "SEG"
    assert [str(segment.SegmentLabel) for segment in written.SegmentSequence] == ["liver", "spleen"]


def test_without_highdicom_nothing_is_begun(
    predictor: Predictor, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("hsam_medseg.inference.dicom_seg.import_module", missing)
    with pytest.raises(InputError, match=r'needs highdicom; run: pip install "hsam-medseg\[dicom-seg\]"'):
        predict_files([folder], predictor, tmp_path / "out", dicom_seg=True)
    assert not (tmp_path / "out").exists()


def test_a_dicom_segmentation_of_something_else_is_refused_before_the_work(
    predictor: Predictor, folder: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    summary = predict_files([folder / "2.nii"], predictor, tmp_path / "out", dicom_seg=True, say=said.append)
    assert summary.exit_code == 1
    assert "a DICOM segmentation refers to DICOM files, and this scan is none" in said[0]
    assert files_in(tmp_path / "out") == []


@pytest.mark.parametrize("suffix", [".mha", ".mhd", ".nrrd", ".nhdr", ".hdr"])
def test_labels_are_in_the_format_of_the_scan(predictor: Predictor, tmp_path: Path, suffix: str) -> None:
    if suffix != ".hdr":
        pytest.importorskip("SimpleITK")
    volume = placed((random_scan(3, 20, 24) * 200).astype(np.uint8))
    write_labels(tmp_path / "in" / f"a{suffix}", volume)
    out = tmp_path / "out"
    summary = predict_files([tmp_path / "in"], predictor, out, preview=False, probabilities=True)
    assert summary.done == [out / f"a{suffix}"]
    beside = {".mhd": {"a.raw"}, ".nhdr": {"a.raw"}, ".hdr": {"a.img"}}.get(suffix, set())
    assert set(files_in(out)) == {f"a{suffix}", "a.json", "a_probabilities.nii.gz"} | beside
    labels = read_labels(out / f"a{suffix}")
    np.testing.assert_array_equal(labels.voxels, predictor(tmp_path / "in" / f"a{suffix}").labels.voxels)
    np.testing.assert_allclose(labels.affine, volume.affine, atol=1e-4)
    assert len(predict_files([tmp_path / "in"], predictor, out, preview=False, probabilities=True).skipped) == 1


def test_a_series_with_a_damaged_slice_fails_unless_told_otherwise(tmp_path: Path) -> None:
    predictor = make(brightness(), window="range")
    series = write_series(tmp_path / "in" / "scan", (0, 5, 10, 15))
    (series / "IM0003.dcm").write_bytes(b"")
    said: list[str] = []
    summary = predict_files([series], predictor, tmp_path / "out", say=said.append)
    assert "the slice IM0003.dcm is damaged (it is empty)" in said[0]
    assert (summary.exit_code, files_in(tmp_path / "out")) == (1, [])
    with pytest.warns(UserWarning, match=r"IM0003\.dcm is damaged .*; the scan is taken without"):
        summary = predict_files([series], predictor, tmp_path / "out", skip_damaged=True)
    assert summary.exit_code == 0
    assert read_labels(tmp_path / "out" / "scan.nii.gz").voxels.shape == (3, 4, 5)


def test_an_empty_scan_among_others_is_noted(folder: Path, tmp_path: Path) -> None:
    write_nifti(folder / "dark.nii", placed(np.zeros((2, 20, 24), np.float32)))
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        summary = predict_files([folder], make(brightness(), notify=said.append), tmp_path / "out")
    assert summary.exit_code == 0
    assert len(said) == 1
    assert said[0].startswith(f"{folder / 'dark.nii'}: nothing found")
    assert json.loads((tmp_path / "out" / "dark.json").read_text())["note"] == said[0]
    assert not read_labels(tmp_path / "out" / "dark.nii.gz").voxels.any()


def test_labels_written_by_hand_agree_with_saved_ones(predictor: Predictor, folder: Path, tmp_path: Path) -> None:
    result = predictor(folder / "2.nii")
    write_labels(tmp_path / "by_hand.nii.gz", result.labels)
    saved = result.save(tmp_path / "saved.nii.gz")
    np.testing.assert_array_equal(read_labels(tmp_path / "by_hand.nii.gz").voxels, read_labels(saved).voxels)
