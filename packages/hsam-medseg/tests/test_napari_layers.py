"""What the plug-in for napari does, without napari: places, names, segmenting in steps, and what cannot be taken."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
import yaml
from conftest import TINY
from napari_scans import AFFINES, SHAPE, PlainLayer, write_scan
from outlined_series import SERIES, pydicom

from hsam_medseg import HSAM, Predictor, Preprocessing, Volume
from hsam_medseg.data.labels import read_labels
from hsam_medseg.data.organ_colours import organ_colours
from hsam_medseg.data.references import names_in
from hsam_medseg.viewer.layers import SCAN, image_layer, organs_layer, scan_of
from hsam_medseg.viewer.reading import get_reader, read, read_sample
from hsam_medseg.viewer.segmenting import known_organs, segment
from hsam_medseg.viewer.writing import write
from visioncore.errors import InputError


def layer_of(path: Path) -> PlainLayer:
    """Return the layer that a file is read as."""
    ((data, attributes, kind),) = read(str(path))
    assert kind == "image"
    return PlainLayer(data, **attributes)


@pytest.mark.parametrize("name", AFFINES)
def test_the_world_is_that_of_nibabel_in_the_axes_of_dicom(name: str, tmp_path: Path) -> None:
    image = write_scan(tmp_path / "scan.nii.gz", AFFINES[name])
    layer = layer_of(tmp_path / "scan.nii.gz")
    stored = np.asarray(image.dataobj)
    for index in [(0, 0, 0), (1, 0, 0), (0, 2, 0), (0, 0, 3), (4, 5, 6)]:
        (there,) = np.argwhere(layer.data == stored[index])
        x, y, z = (image.affine @ [*index, 1])[:3]
        np.testing.assert_allclose(layer.data_to_world(there), (z, -y, -x), atol=1e-4)


@pytest.mark.parametrize("name", AFFINES)
def test_axes_run_along_those_of_the_world(name: str, tmp_path: Path) -> None:
    """Others cannot be sliced by napari. Nothing is reversed: only a sagittal scan is not as stored."""
    image = write_scan(tmp_path / "scan.nii.gz", AFFINES[name])
    layer = layer_of(tmp_path / "scan.nii.gz")
    assert (np.abs(layer.affine[:3, :3]).argmax(axis=0) == [0, 1, 2]).all()
    np.testing.assert_allclose(layer.scale, (2, 1.5, 3) if name == "PSR" else (3, 2, 1.5))
    np.testing.assert_allclose(np.linalg.norm(layer.affine[:3, :3], axis=0), 1)  # all of the spacing is in the scale
    if name != "PSR":
        np.testing.assert_array_equal(layer.data, np.asarray(image.dataobj).T)


def test_a_dicom_series_lies_where_its_files_say() -> None:
    assert get_reader(str(SERIES)) is read
    layer = layer_of(SERIES)
    slices = sorted((pydicom.dcmread(file) for file in SERIES.iterdir()), key=lambda each: each.ImagePositionPatient[2])
    np.testing.assert_allclose(layer.data_to_world((0, 0, 0))[::-1], slices[0].ImagePositionPatient, atol=1e-4)
    row, column = slices[0].PixelSpacing
    np.testing.assert_allclose(layer.scale[1:], (row, column))


@pytest.mark.parametrize("name", AFFINES)
def test_a_layer_is_its_scan_again(name: str, tmp_path: Path) -> None:
    image = write_scan(tmp_path / "scan.nii.gz", AFFINES[name])
    scan = scan_of(layer_of(tmp_path / "scan.nii.gz"))
    assert scan.located
    assert scan.source == tmp_path / "scan.nii.gz"
    there = scan.oriented(scan.stored)
    np.testing.assert_allclose(there.affine, image.affine, atol=1e-5)
    np.testing.assert_array_equal(there.voxels.T, np.asarray(image.dataobj))


def test_a_layer_that_was_moved_lies_where_it_is_shown(tmp_path: Path) -> None:
    write_scan(tmp_path / "scan.nii.gz", AFFINES["RAS"])
    layer = layer_of(tmp_path / "scan.nii.gz")
    layer.affine[2, 3] += 4  # to the left
    moved = AFFINES["RAS"].copy()
    moved[0, 3] -= 4
    np.testing.assert_allclose(scan_of(layer).affine, moved, atol=1e-5)


def test_a_layer_of_another_reader() -> None:
    """Its units count; scale, translation and affine too."""
    voxels = np.zeros((3, 4, 5), np.uint8)
    scan = scan_of(PlainLayer(voxels, scale=(3000, 2000, 1000), translate=(1000, 0, 0), units=("um",) * 3))
    np.testing.assert_allclose(scan.affine, [[-1, 0, 0, 0], [0, -2, 0, 0], [0, 0, 3, 1], [0, 0, 0, 1]])
    assert (scan.located, scan.notes, scan.orientation) == (True, (), "LPS")


def test_a_layer_without_spacing_is_taken_as_it_is_and_that_is_told(tiny_weights: Path) -> None:
    layer = PlainLayer(np.random.default_rng(0).integers(-300, 300, (2, 20, 24)), name="stack")
    scan = scan_of(layer)
    assert not scan.located
    with pytest.warns(UserWarning, match=r"layer stack has no unit of length: slices are taken as they are"):
        result = finish(segment(scan, str(tiny_weights), device="cpu"))
    np.testing.assert_array_equal(result.labels.voxels, Predictor(tiny_weights)(layer.data, order="DHW").labels.voxels)
    assert set(result.volumes_ml.values()) == {None}


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (PlainLayer(np.zeros((8, 9))), "layer scan is a single image, 2-D; open the whole scan"),
        (PlainLayer(np.zeros((4, 8, 9, 3), np.uint8), rgb=True), "layer scan is in colour; it must be a CT or MR scan"),
        (PlainLayer(np.zeros((8, 9, 3), np.uint8), rgb=True), "layer scan is in colour"),
        (PlainLayer(np.zeros((2, 4, 8, 9))), r"layer scan has 4 axes; .* so take one point in time"),
        (PlainLayer(np.zeros((4, 8, 9), complex)), "voxels are of type complex128"),
    ],
)
def test_what_is_no_scan_is_told(layer: PlainLayer, told: str) -> None:
    with pytest.raises(InputError, match=told):
        scan_of(layer)


def finish(steps: Any) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize(("name", "expects", "slices"), [("LPS", "LPS", 6), ("PSR", "LPS", 24), ("PSR", "stored", 6)])
def test_organs_lie_in_the_place_of_their_image(
    name: str, expects: str, slices: int, tmp_path: Path, saved: Callable[[Any], Path]
) -> None:
    """They are those of the file, also where weights expect slices as they are stored."""
    torch.manual_seed(0)
    weights = saved(HSAM(replace(TINY, preprocessing=Preprocessing("range", expects, None))))
    write_scan(tmp_path / "scan.nii.gz", AFFINES[name], (20, 24, 6))
    layer = layer_of(tmp_path / "scan.nii.gz")
    steps = segment(scan_of(layer), str(weights), organs=("spleen",), largest_component=True)
    told = [next(steps) for _ in range(3)]
    assert told == [(0, slices), (1, slices), (2, slices)]
    result = finish(steps)
    predictor = Predictor(weights, organs=["spleen"], largest_component=True)
    expected = predictor(tmp_path / "scan.nii.gz")
    assert expected.voxels["spleen"]  # or the comparison says nothing
    assert str(result) == str(expected)
    data, attributes, kind = organs_layer(layer, scan_of(layer), result)
    labels = PlainLayer(data, **attributes)
    assert (kind, labels.name, data.shape) == ("labels", "scan organs", layer.data.shape)
    assert labels.data_to_world((1, 2, 3)) == layer.data_to_world((1, 2, 3))
    assert labels.colormap[2][:3] == organ_colours([2])[2]
    assert labels.colormap[0][3] == 0
    write(str(tmp_path / "labels.nii.gz"), labels)
    expected.save(tmp_path / "expected")
    written: Any = nibabel.load(tmp_path / "labels.nii.gz")
    same: Any = nibabel.load(tmp_path / "expected/scan.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj), np.asarray(same.dataobj))
    np.testing.assert_array_equal(written.affine, same.affine)
    assert written.header["descrip"].item() == b"of the scan"
    assert names_in(tmp_path / "labels.nii.gz") == {2: "spleen"}


def test_stopping_midway_leaves_nothing_at_work(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hsam_medseg.inference.slice_by_slice import SliceSegmenter

    batches: list[int] = []
    logits = SliceSegmenter._logits

    def counted(self: SliceSegmenter, images: Any) -> Any:
        batches.append(len(images))
        return logits(self, images)

    monkeypatch.setattr(SliceSegmenter, "_logits", counted)
    steps = segment(Volume(np.zeros((40, 16, 16), np.uint8)), str(tiny_weights), device="cpu")
    for _ in range(3):
        next(steps)
    steps.close()
    assert batches == [8, 8]
    assert list(steps) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"config.json": '{"model": "Derain", "visioncore": 1}', "model.safetensors": ""}, "config.json"),
        ({"model.pth": "no weights"}, "model.pth"),
        ({}, "no/such weights|weights"),
    ],
)
def test_weights_of_another_kind_are_told(content: dict[str, str], told: str, tmp_path: Path) -> None:
    for name, text in content.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    weights = tmp_path / "model.pth" if "model.pth" in content else tmp_path
    with pytest.raises(InputError, match=told) as caught:
        finish(segment(Volume(np.zeros((2, 16, 16))), str(weights), device="cpu"))
    assert "\n" not in str(caught.value)


def test_an_organ_that_is_not_there_is_told(tiny_weights: Path) -> None:
    with pytest.raises(InputError, match="no organ 'heart'; the network has liver, spleen"):
        finish(segment(Volume(np.zeros((2, 16, 16))), str(tiny_weights), organs=("heart",)))


def test_errors_of_torch_are_told(tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread of napari loses a RuntimeError: no signal says that it has ended."""

    def broken(self: Any, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no kernel\nfor this device")

    monkeypatch.setattr("hsam_medseg.inference.slice_by_slice.SliceSegmenter._logits", broken)
    with pytest.raises(InputError, match=r"the network failed \(no kernel for this device\)"):
        finish(segment(Volume(np.zeros((2, 16, 16))), str(tiny_weights), device="cpu"))


def test_labels_of_another_shape_than_their_scan_are_not_written(tmp_path: Path) -> None:
    write_scan(tmp_path / "scan.nii.gz", AFFINES["LPS"])
    scan = layer_of(tmp_path / "scan.nii.gz")
    cropped = PlainLayer(np.ones((7, 6, 4), np.uint8), "mine", metadata={SCAN: scan.metadata[SCAN]})
    with pytest.raises(InputError, match=r"layer mine is 7 x 6 x 4 and its scan .*scan.nii.gz is 7 x 6 x 5"):
        write(str(tmp_path / "labels.nii.gz"), cropped)
    with pytest.raises(InputError, match="layer mine has 2 axes"):
        write(str(tmp_path / "labels.nii.gz"), PlainLayer(np.ones((7, 6), np.uint8), "mine"))
    assert not (tmp_path / "labels.nii.gz").exists()


def test_labels_of_no_scan_are_written_where_they_are_shown(tmp_path: Path) -> None:
    layer = PlainLayer(np.eye(4, dtype=np.int64)[None] * 3, "mine", scale=(3, 2, 1), units=("mm",) * 3)
    assert write(str(tmp_path / "labels.nii"), layer) == [str(tmp_path / "labels.nii")]
    labels = read_labels(tmp_path / "labels.nii")
    np.testing.assert_array_equal(labels.voxels, layer.data)
    np.testing.assert_array_equal(labels.affine, np.diag([-1, -2, 3, 1]))
    assert names_in(tmp_path / "labels.nii") == {}


def test_labels_that_name_themselves_are_read_as_labels(tmp_path: Path) -> None:
    features = {"index": [0, 1, 4], "organ": ["background", "liver", "left kidney"]}
    write(str(tmp_path / "labels.nii.gz"), PlainLayer(np.full((2, 3, 4), 4), units=("mm",) * 3, features=features))
    ((data, attributes, kind),) = read(str(tmp_path / "labels.nii.gz"))
    assert (kind, attributes["name"], attributes["features"]) == ("labels", "labels", features)
    assert (data == 4).all()


def test_a_scan_of_several_channels_is_several_images(tmp_path: Path) -> None:
    write_scan(tmp_path / "scan.nii.gz", AFFINES["RAS"], (*SHAPE, 3))
    ((data, attributes, _),) = read(str(tmp_path / "scan.nii.gz"))
    assert data.shape == (7, 6, 5, 3)
    assert attributes["channel_axis"] == 3
    assert len(attributes["scale"]) == 3


def test_a_scan_without_a_place_has_no_units() -> None:
    _, attributes, _ = image_layer(Volume(np.zeros((2, 3, 4)), np.diag([3.0, 2.0, 5.0, 1.0])))
    assert attributes["scale"] == (5, 2, 3)
    assert not {"units", "affine"} & set(attributes)


def test_only_what_can_be_read_is_claimed(tmp_path: Path) -> None:
    write_scan(tmp_path / "scan.nii.gz", AFFINES["RAS"])
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert get_reader(str(tmp_path / "scan.nii.gz")) is read
    assert get_reader(str(tmp_path / "pictures")) is None
    assert get_reader(str(tmp_path / "missing.nii")) is None
    assert get_reader([str(tmp_path / "scan.nii.gz")]) is None


def test_the_sample_is_the_bundled_scan() -> None:
    ((data, attributes, kind),) = read_sample()
    assert (data.shape, kind, attributes["units"]) == ((24, 192, 192), "image", ("mm",) * 3)


def test_organs_are_known_of_what_is_bundled_or_in_a_folder(tiny_weights: Path, tmp_path: Path) -> None:
    assert known_organs("demo") == ("large", "medium", "small", "tiny")
    assert (
        known_organs(str(tiny_weights)) == known_organs(str(tiny_weights / "model.safetensors")) == ("liver", "spleen")
    )
    (tmp_path / "config.json").write_text("[]", encoding="utf-8")
    assert known_organs("someone/weights") == known_organs(str(tmp_path)) == known_organs("") == ()


def test_the_manifest_names_what_is_there() -> None:
    manifest = yaml.safe_load((files("hsam_medseg") / "assets/napari.yaml").read_text(encoding="utf-8"))
    commands = {command["id"]: command["python_name"] for command in manifest["contributions"]["commands"]}
    for name in commands.values():
        module, _, function = name.partition(":")
        assert callable(getattr(import_module(module), function)), name
    kinds = ("readers", "writers", "widgets", "sample_data")
    assert {each["command"] for kind in kinds for each in manifest["contributions"][kind]} == set(commands)
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["napari.manifest"] == {manifest["name"]: "hsam_medseg.assets:napari.yaml"}
