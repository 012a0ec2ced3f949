"""The plug-in inside napari, offscreen: its layers, its writer, and the widget with its thread.

napari and a Qt binding are 390 MiB, and so not among what the tests install; to run these:
``uv pip install -e "packages/hsam-medseg[napari]" PyQt6``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari_scans import AFFINES, write_scan

from hsam_medseg import Predictor
from hsam_medseg.data.references import names_in
from hsam_medseg.data.scans import read_volume
from hsam_medseg.viewer.widget import Panel
from visioncore.errors import InputError

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
why = "needs napari and a Qt binding, which are too large for the development group"
components: Any = pytest.importorskip("napari.components", reason=why)
qtpy: Any = pytest.importorskip("qtpy.QtWidgets", reason=why)
npe2: Any = import_module("npe2")


@pytest.fixture(scope="module")
def app() -> Any:
    return qtpy.QApplication.instance() or qtpy.QApplication([])


@pytest.fixture(scope="module", autouse=True)
def plugin() -> Any:
    manager = npe2.PluginManager.instance()
    manager.discover()
    return manager.get_manifest("hsam-medseg")


@pytest.fixture
def viewer() -> Any:
    return components.ViewerModel()


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    write_scan(tmp_path / "scan.nii.gz", AFFINES["PSR"], (24, 20, 6))
    return tmp_path / "scan.nii.gz"


@pytest.fixture
def panel(app: Any, viewer: Any, scan: Path, tiny_weights: Path) -> Iterator[Panel]:
    """The widget, with a scan in the viewer and the tiny weights chosen."""
    viewer.open(str(scan), plugin="hsam-medseg")
    made = Panel(viewer)
    made.weights.line_edit.value = str(tiny_weights)
    made.window.value = "range"
    yield made
    made.stop()
    wait(app, lambda: made.worker is None)


def wait(app: Any, until: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        app.processEvents()
        time.sleep(0.01)


def test_the_manifest_is_valid(plugin: Any) -> None:
    plugin.validate_imports()
    assert plugin.package_metadata.name == "hsam-medseg"


@pytest.mark.parametrize("name", AFFINES)
def test_the_world_is_that_of_nibabel_in_the_axes_of_dicom(name: str, tmp_path: Path, viewer: Any) -> None:
    image = write_scan(tmp_path / "scan.nii.gz", AFFINES[name])
    (layer,) = viewer.open(str(tmp_path / "scan.nii.gz"), plugin="hsam-medseg")
    stored = np.asarray(image.dataobj)
    for index in [(0, 0, 0), (1, 0, 0), (0, 2, 0), (0, 0, 3), (4, 5, 6)]:
        (there,) = np.argwhere(layer.data == stored[index])
        x, y, z = (image.affine @ [*index, 1])[:3]
        np.testing.assert_allclose(layer.data_to_world(there), (z, -y, -x), atol=1e-4)
    assert [str(unit) for unit in layer.units] == ["millimeter"] * 3


@pytest.mark.parametrize("name", ["LPS", "RAS", "PSR"])
@pytest.mark.filterwarnings("error:Non-orthogonal slicing")
def test_scans_of_any_axes_can_be_sliced(name: str, tmp_path: Path, viewer: Any) -> None:
    write_scan(tmp_path / "scan.nii.gz", AFFINES[name])
    viewer.open(str(tmp_path / "scan.nii.gz"), plugin="hsam-medseg")


def test_channels_are_layers(tmp_path: Path, viewer: Any) -> None:
    write_scan(tmp_path / "scan.nii.gz", AFFINES["RAS"], (5, 6, 7, 3))
    layers = viewer.open(str(tmp_path / "scan.nii.gz"), plugin="hsam-medseg")
    assert [layer.data.shape for layer in layers] == [(7, 6, 5)] * 3


def test_organs_of_a_scan(app: Any, viewer: Any, panel: Panel, scan: Path, tiny_weights: Path, tmp_path: Path) -> None:
    steps: list[int] = []
    panel.slices.changed.connect(steps.append)
    assert panel.organs.choices == ("liver", "spleen")
    panel.organs.value = ["spleen"]
    panel.start.native.click()
    assert (panel.start.enabled, panel.cancel.enabled) == (False, True)
    panel.start.native.click()  # while it runs, nothing happens
    wait(app, lambda: panel.worker is None)
    image, labels = viewer.layers
    expected = Predictor(tiny_weights, window="range", organs=["spleen"])(scan)
    assert panel.told.value == str(expected)
    assert (labels.name, type(labels).__name__) == ("scan organs", "Labels")
    assert labels.data_to_world((1, 2, 3)) == image.data_to_world((1, 2, 3))
    assert max(steps) == len(image.data)
    (there, *_) = np.argwhere(labels.data == 2)
    assert "organ: spleen" in labels.get_status(labels.data_to_world(there), world=True)["value"]
    labels.save(str(tmp_path / "labels.nii.gz"), plugin="hsam-medseg")
    written = read_volume(tmp_path / "labels.nii.gz")
    np.testing.assert_array_equal(written.voxels, expected.labels.voxels)
    np.testing.assert_array_equal(written.affine, expected.scan.affine)
    assert names_in(tmp_path / "labels.nii.gz") == {2: "spleen"}
    (again,) = viewer.open(str(tmp_path / "labels.nii.gz"), plugin="hsam-medseg")
    np.testing.assert_array_equal(again.data, labels.data)
    np.testing.assert_array_equal(again.get_color(2), labels.get_color(2))
    assert (panel.start.enabled, panel.cancel.enabled, panel.image.value) == (True, False, image)


def test_cancelling_midway_adds_nothing(app: Any, viewer: Any, panel: Panel) -> None:
    viewer.add_image(np.zeros((4000, 16, 16), np.uint8), name="long")
    panel.container.reset_choices()
    panel.image.value = viewer.layers["long"]
    panel.start.native.click()
    wait(app, lambda: panel.slices.value > 0)
    panel.cancel.native.click()
    wait(app, lambda: panel.worker is None)
    assert panel.told.value == "cancelled; nothing was added"
    assert [layer.name for layer in viewer.layers] == ["scan", "long"]
    assert (panel.start.enabled, panel.cancel.enabled, panel.slices.value) == (True, False, 0)


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ((8, 9), "layer flat is a single image, 2-D"),
        ((4, 8, 9, 3), "layer flat is in colour"),
        ((2, 4, 8, 9), "layer flat has 4 axes"),
    ],
)
def test_what_is_no_scan_is_told_at_once(shape: tuple[int, ...], told: str, viewer: Any, panel: Panel) -> None:
    viewer.add_image(np.zeros(shape, np.uint8), name="flat", rgb=shape[-1] == 3)
    panel.container.reset_choices()
    panel.image.value = viewer.layers["flat"]
    panel.start.native.click()
    assert told in panel.told.value
    assert panel.worker is None


def test_without_an_image(app: Any, viewer: Any) -> None:
    viewer.add_labels(np.zeros((2, 3, 4), np.uint8))
    panel = Panel(viewer)
    panel.start.native.click()
    assert panel.told.value == "no image: open a scan first"


def test_weights_that_cannot_be_read_are_told(app: Any, viewer: Any, panel: Panel, tmp_path: Path) -> None:
    from napari.utils.notifications import notification_manager

    (tmp_path / "model.pth").write_text("no weights", encoding="utf-8")
    panel.weights.line_edit.value = str(tmp_path / "model.pth")
    assert panel.organs.choices == ()
    panel.start.native.click()
    wait(app, lambda: panel.worker is None)
    assert "model.pth" in panel.told.value
    assert "model.pth" in str(list(notification_manager.records)[-1].message)
    assert len(viewer.layers) == 1


def test_a_layer_without_units_is_warned_of(app: Any, viewer: Any, panel: Panel) -> None:
    from napari.utils.notifications import notification_manager

    viewer.add_image(np.arange(2 * 20 * 24).reshape(2, 20, 24), name="stack")
    panel.container.reset_choices()
    panel.image.value = viewer.layers["stack"]
    panel.start.native.click()
    wait(app, lambda: panel.worker is None)
    assert viewer.layers[-1].name == "stack organs"
    assert any("layer stack has no unit of length" in str(each.message) for each in notification_manager.records)


def test_labels_of_another_shape_than_their_scan_are_not_written(viewer: Any, scan: Path, tmp_path: Path) -> None:
    (image,) = viewer.open(str(scan), plugin="hsam-medseg")
    labels = viewer.add_labels(np.ones((2, 3, 4), np.uint8), name="mine", metadata=image.metadata)
    with pytest.raises(RuntimeError, match="layer mine is 2 x 3 x 4 and its scan"):
        labels.save(str(tmp_path / "labels.nii.gz"), plugin="hsam-medseg")
    assert not (tmp_path / "labels.nii.gz").exists()


def test_a_damaged_file_is_told(viewer: Any, scan: Path) -> None:
    scan.write_bytes(scan.read_bytes()[:100])
    with pytest.raises(InputError, match=r"scan\.nii\.gz: the NIfTI file is truncated or damaged"):
        viewer.open(str(scan), plugin="hsam-medseg")
    assert not len(viewer.layers)


def test_the_sample_is_opened(viewer: Any) -> None:
    (layer,) = viewer.open_sample("hsam-medseg", "synthetic")
    assert layer.data.shape == (24, 192, 192)
