"""Prediction: what comes back for each point, in which order, in files and figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from csc_pretrain3d import CSC, Cylinder3D, MinkUNet, Predictor, Result, VoxelNet
from csc_pretrain3d.data.classes import NUSCENES
from csc_pretrain3d.data.formats import read_labels, read_scan
from csc_pretrain3d.data.frame import Frame, Scan
from csc_pretrain3d.data.named_classes import classes_named
from csc_pretrain3d.data.network_input import network_inputs, voxelize
from csc_pretrain3d.inference.colours import FeatureColours
from csc_pretrain3d.inference.files import features_files, predict_files
from csc_pretrain3d.inference.instances import segment_instances
from csc_pretrain3d.inference.predictor import turned
from csc_pretrain3d.network.config import Cylinder3DConfig, MinkUNetConfig, VoxelNetConfig
from csc_pretrain3d.network.model import PanopticNet
from csc_pretrain3d.network.panoptic_config import PanopticConfig
from visioncore.errors import InputError

SMALL_GRID = VoxelNetConfig(lowest=(-12.8, -12.8, -3.0), highest=(12.8, 12.8, 2.0), voxel_size=(0.4, 0.4, 0.125))


@pytest.fixture
def array(street: Scan) -> NDArray[np.float32]:
    return np.column_stack([street.points, street.intensity])


@pytest.fixture(scope="module")
def pretrained() -> MinkUNet:
    """A network without classes."""
    torch.manual_seed(1)
    return MinkUNet(MinkUNetConfig(stem=8, widths=(8,) * 8, blocks=(1,) * 8, out_channels=6)).eval()


def softmax_of(model: CSC, points: NDArray[np.float32], intensity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities of each point, step by step."""
    voxels = voxelize(points, intensity, model.config)
    with torch.no_grad():
        rows = model(*network_inputs([voxels], model.config)).features.softmax(dim=1).numpy()
    return np.stack([rows[voxel] for voxel in voxels.inverse])


def test_every_point_has_the_class_of_its_voxel(tiny: MinkUNet, street: Scan) -> None:
    result = Predictor(tiny, "cpu")(street)
    expected = softmax_of(tiny, street.points, street.intensity)
    assert result.probabilities is not None
    np.testing.assert_allclose(result.probabilities, expected, atol=1e-5)
    np.testing.assert_array_equal(result.labels, result.probabilities.argmax(axis=1))
    assert len(np.unique(np.asarray(result))) > 3
    assert result.classes is NUSCENES
    assert result.features is None
    assert str(result).startswith(f"{len(street):,} points in ")


def test_a_scan_comes_in_many_ways(tiny: MinkUNet, street: Scan, array: NDArray[np.float32], tmp_path: Path) -> None:
    array.tofile(tmp_path / "scan.bin")
    np.save(tmp_path / "scan.npy", array)
    predictor = Predictor(tiny, "cpu")
    expected = np.asarray(predictor(street))
    for given in (array, torch.from_numpy(array), array.astype(np.float64), Frame(street), tmp_path / "scan.bin"):
        np.testing.assert_array_equal(np.asarray(predictor(given)), expected)
    result = predictor(str(tmp_path / "scan.npy"))
    np.testing.assert_array_equal(np.asarray(result), expected)
    assert result.source == tmp_path / "scan.npy"


def test_features_are_what_the_last_layer_is_given(tiny: MinkUNet, street: Scan) -> None:
    result = Predictor(tiny, "cpu")(street, features=True)
    assert result.features is not None
    assert result.probabilities is not None
    assert tiny.final.bias is not None
    with torch.no_grad():
        logits = torch.from_numpy(result.features) @ tiny.final.kernel + tiny.final.bias
    np.testing.assert_allclose(logits.softmax(dim=1), result.probabilities, atol=1e-5)


def test_a_cylinder3d(street: Scan, array: NDArray[np.float32]) -> None:
    """The points themselves go in; two scans in a batch do not mix."""
    torch.manual_seed(0)
    config = Cylinder3DConfig(
        grid=(48, 36, 16), point_widths=(8, 8, 8), point_channels=8, width=4, out_channels=3, classes=("none", "a", "b")
    )
    model = Cylinder3D(config).eval()
    result = Predictor(model, "cpu")(street, features=True)
    assert result.probabilities is not None
    assert result.features is not None
    np.testing.assert_allclose(result.probabilities, softmax_of(model, street.points, street.intensity), atol=1e-5)
    assert result.features.shape == (len(street), 16)
    clouds = torch.from_numpy(np.stack([array[:700], array[900:1600]]))
    together = Predictor(model, "cpu", batch=2).run(clouds)
    torch.testing.assert_close(together[1], Predictor(model, "cpu").run(clouds[1]), rtol=1e-4, atol=1e-4)


def test_a_panoptic_network(street: Scan, tmp_path: Path) -> None:
    """Instances step by step, in the label file too, and from saved weights."""
    torch.manual_seed(0)
    backbone = Cylinder3DConfig(grid=(48, 36, 16), point_widths=(8, 8, 8), point_channels=8, width=4, out_channels=8)
    model = PanopticNet(PanopticConfig(backbone, width=8)).eval()
    torch.nn.init.normal_(model.voxel_sem_head.weight)
    heat = model.backbone_2d.i_outc_center.conv
    assert heat.bias is not None
    torch.nn.init.constant_(heat.bias, 0.5)  # above the threshold
    model.save_pretrained(tmp_path / "panoptic")
    given = replace(street, instances=np.full(len(street), 77))
    result = Predictor(tmp_path / "panoptic", "cpu")(given)
    voxels = voxelize(street.points, street.intensity, backbone)
    with torch.no_grad():
        out = model(*network_inputs([voxels], backbone))
    expected = segment_instances(
        out.logits, torch.from_numpy(voxels.coordinates), out.centre[0, 0], out.offset[0]
    ).numpy()[voxels.inverse]
    np.testing.assert_array_equal(result.instances, expected // 65536)
    np.testing.assert_array_equal(result.labels, (expected % 65536 + 1) % 17)
    assert result.labels is not None
    assert result.instances is not None
    assert result.instances.max() > 0
    assert "instances" in str(result)
    assert result.probabilities is not None
    np.testing.assert_allclose(result.probabilities[:, 0], out.logits.softmax(1)[voxels.inverse, -1], atol=1e-5)
    stored = read_labels(result.save(tmp_path / "a.label"), len(street))
    np.testing.assert_array_equal(stored.instances, result.instances)
    assert (np.asarray(Predictor(model, "cpu", suppressed=True)(street)) > 0).all()
    with pytest.raises(InputError, match="views is 2; a panoptic network takes 1"):
        Predictor(model, "cpu", views=2)


def test_a_network_without_classes_gives_features(pretrained: MinkUNet, street: Scan, tmp_path: Path) -> None:
    predictor = Predictor(pretrained, "cpu")
    result = predictor(street)
    assert result.labels is None
    assert np.asarray(result).shape == (len(street), 6)
    np.testing.assert_allclose(np.linalg.norm(np.asarray(result), axis=1), 1, atol=1e-5)
    assert str(result) == f"{len(street):,} points with 6 features"
    np.testing.assert_array_equal(np.load(result.save(tmp_path)), np.asarray(result))
    with pytest.raises(InputError, match="these weights give features and no classes"):
        predict_files([tmp_path], predictor, tmp_path / "out")


def test_points_outside_the_grid(array: NDArray[np.float32]) -> None:
    torch.manual_seed(0)
    classes = ("none", "a", "b")
    for config in (
        replace(SMALL_GRID, upsample=16, compressed=False, out_channels=3, classes=classes),
        replace(SMALL_GRID, out_channels=3, classes=classes),
    ):
        model = VoxelNet(config).eval()
        result = Predictor(model, "cpu")(array)
        inside = voxelize(array[:, :3], array[:, 3], config).inverse >= 0
        assert 0 < inside.sum() < len(array)
        assert result.labels is not None
        assert result.probabilities is not None
        assert (result.labels[~inside] == 0).all()
        assert (result.probabilities[~inside] == 0).all()
        np.testing.assert_allclose(result.probabilities[inside].sum(axis=1), 1, atol=1e-5)
        assert (np.asarray(Predictor(model, "cpu", suppressed=True)(array))[inside] > 0).all()
    # turned round, what lies far ahead is outside: that view does not count
    ahead = VoxelNet(replace(config, lowest=(-3.2, -12.8, -3.0), upsample=16, compressed=False)).eval()
    for views in (1, 2):
        found = Predictor(ahead, "cpu", views=views)(array).probabilities
        assert found is not None
        sums = found.sum(axis=1)
        np.testing.assert_allclose(sums[np.abs(sums) > 1e-6], 1, atol=1e-5)
    with pytest.raises(InputError, match="outside the range"):
        Predictor(model, "cpu")(array + np.array([1000, 0, 0, 0], np.float32))
    coarse = VoxelNet(replace(SMALL_GRID, upsample=4, compressed=False)).eval()
    with pytest.raises(InputError, match="voxels coarser than their input"):
        Predictor(coarse, "cpu")(array)


def test_views_are_averaged_whatever_the_batch(tiny: MinkUNet, street: Scan) -> None:
    expected = np.mean(
        [softmax_of(tiny, turned(street.points, place / 3), street.intensity) for place in range(3)], axis=0
    )
    for batch in (1, 2):
        result = Predictor(tiny, "cpu", views=3, batch=batch)(street)
        assert result.probabilities is not None
        np.testing.assert_allclose(result.probabilities, expected, atol=1e-4)
    np.testing.assert_allclose(turned(np.array([[2, 1, 5]], np.float32), 0.25), [[-1, 2, 5]], atol=1e-6)


def test_class_0_can_be_suppressed(tiny: MinkUNet, street: Scan) -> None:
    model = MinkUNet(tiny.config)
    model.load_state_dict(tiny.state_dict())
    assert model.final.bias is not None
    with torch.no_grad():
        model.final.bias[..., 0] += 100
    official, suppressed = (Predictor(model.eval(), "cpu", suppressed=never)(street) for never in (False, True))
    assert (np.asarray(official) == 0).all()
    assert suppressed.labels is not None
    assert suppressed.probabilities is not None
    np.testing.assert_array_equal(suppressed.labels, suppressed.probabilities[:, 1:].argmax(axis=1) + 1)


def test_intensities_are_scaled(tiny: MinkUNet, street: Scan, array: NDArray[np.float32]) -> None:
    expected = Predictor(tiny, "cpu")(street)
    array[:, 3] /= 256
    found = Predictor(tiny, "cpu", intensity_scale=256)(array)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    assert (np.asarray(Predictor(tiny, "cpu")(array)) != np.asarray(expected)).any()


def test_from_tensors_to_tensors(tiny: MinkUNet, array: NDArray[np.float32]) -> None:
    clouds = torch.from_numpy(np.stack([array[:300], array[300:600], array[600:900]]))
    predictor = Predictor(tiny, "cpu", batch=2)
    several = predictor.run(clouds)
    assert several.shape == (3, 300, 17)
    torch.testing.assert_close(predictor.run(clouds[1]), several[1], rtol=1e-4, atol=1e-4)
    assert predictor.run(torch.rand(0, 5, 4)).shape == (0, 5, 17)
    with pytest.raises(InputError, match=r"points have shape \(3, 300, 3\); it must be \(B, P, 4\)"):
        predictor.run(clouds[..., :3])


def test_precisions(tiny: MinkUNet, street: Scan) -> None:
    exact, coarse = (Predictor(tiny, "cpu", dtype=dtype)(street) for dtype in ("float32", "bfloat16"))
    assert exact.probabilities is not None
    assert coarse.probabilities is not None
    assert coarse.probabilities.dtype == np.float32
    assert np.abs(exact.probabilities - coarse.probabilities).max() > 1e-6
    assert (np.asarray(exact) == np.asarray(coarse)).mean() > 0.8


def test_options_and_scans_that_are_wrong(tiny: MinkUNet, array: NDArray[np.float32]) -> None:
    for options in ({"views": 0}, {"views": 1.5}, {"intensity_scale": 0}, {"intensity_scale": float("nan")}):
        with pytest.raises(InputError, match="a whole number of at least 1, and above 0"):
            Predictor(tiny, "cpu", **options)
    predictor = Predictor(tiny, "cpu")
    with pytest.raises(InputError, match=r"a scan is an array \(P, 4\) .*; this is \(\d+, 3\) float32"):
        predictor(array[:, :3])
    with pytest.raises(InputError, match="the scan is empty"):
        predictor(array[:0])
    array[7, 1] = np.nan
    with pytest.raises(InputError, match="NaN"):
        predictor(array)
    with pytest.raises(InputError, match="NaN"):
        predictor.run(torch.from_numpy(array))


def test_saved(tiny: MinkUNet, street: Scan, tmp_path: Path) -> None:
    result = Predictor(tiny, "cpu")(street, features=True)
    assert result.labels is not None
    assert result.save(tmp_path) == tmp_path / "street.label"
    stored = read_labels(tmp_path / "street.label", len(street))
    np.testing.assert_array_equal(NUSCENES.classes_of(stored.ids, "street"), result.labels)
    np.testing.assert_array_equal(np.load(result.save(tmp_path / "a.npy")), result.labels)
    assert len(read_scan(result.save(tmp_path / "a.ply"))) == len(street)
    np.testing.assert_array_equal(np.load(result.save_features(tmp_path / "f.npy")), result.features)
    with pytest.raises(InputError, match=r"labels are written as \.label, "):
        result.save(tmp_path / "a.txt")
    with pytest.raises(InputError, match=r"features are written as \.npy or \.ply"):
        result.save_features(tmp_path / "a.las")
    with pytest.raises(InputError, match=r"the page is written as \.html"):
        result.view(tmp_path / "a.htm")
    with pytest.raises(InputError, match=r"a figure is written as \.png"):
        result.plot(tmp_path / "new" / "a.txt")
    assert not (tmp_path / "new").exists()
    assert "features" in result.view(tmp_path / "new" / "a.html").read_text()
    with pytest.raises(InputError, match="ask for them"):
        Predictor(tiny, "cpu")(street).save_features(tmp_path)


def test_many_scans_in_all_formats(tiny: MinkUNet, array: NDArray[np.float32], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    array.tofile(tmp_path / "in" / "a.bin")
    predictor = Predictor(tiny, "cpu")
    summary = predict_files([tmp_path / "in"], predictor, tmp_path / "out", formats=[".ply", ".npy"], viewer=False)
    assert [path.name for path in summary.done] == ["a.ply"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.ply", "a.npy", "a.png", "made.jsonl"}
    again = predict_files([tmp_path / "in"], predictor, tmp_path / "out", formats=[".ply", ".npy"], viewer=False)
    assert len(again.skipped) == 1
    with pytest.raises(InputError, match=r"formats are \.txt; they must be some of \.label"):
        predict_files([tmp_path / "in"], predictor, tmp_path / "out", formats=[".txt"])


def test_a_colour_means_the_same_feature_in_all_scans(
    tiny: MinkUNet, array: NDArray[np.float32], tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    parts = array[:401], array[401:1000]
    for name, part in zip("ab", parts, strict=True):
        part.tofile(tmp_path / "in" / f"{name}.bin")
    (tmp_path / "in" / "0.bin").write_bytes(b"broken")
    predictor, said = Predictor(tiny, "cpu"), list[str]()
    summary = features_files([tmp_path / "in"], predictor, tmp_path / "out", say=said.append)
    assert (len(summary.done), len(summary.failed)) == (2, 1)
    first, second = (np.load(tmp_path / "out" / f"{name}.npy") for name in "ab")
    assert first.shape == (401, 8)
    fitted = FeatureColours(first)
    for name, features, part in (("a", first, parts[0]), ("b", second, parts[1])):
        content = (tmp_path / "out" / f"{name}.ply").read_bytes()
        rows = np.frombuffer(content.partition(b"end_header\n")[2], [("xyzi", "<f4", 4), ("rgb", "u1", 3)])
        np.testing.assert_array_equal(rows["xyzi"], part)
        np.testing.assert_array_equal(rows["rgb"], fitted(features))
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".npy", ".ply", ".png", ".html", ".jsonl"}


def test_lists_of_classes() -> None:
    assert classes_named(NUSCENES.names) is NUSCENES
    own = classes_named(("none", "tree", "house"))
    assert own.raw.tolist() == [0, 1, 2]
    assert len({tuple(colour) for colour in own.colours.tolist()}) == 3


def test_a_result_can_be_made_by_hand(street: Scan, tmp_path: Path) -> None:
    result = Result(street, features=np.eye(3, dtype=np.float32)[np.arange(len(street)) % 3])
    result.plot(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000
