"""nuScenes' own devkit reads the same of the same tables; it needs numpy below 2, so this rarely runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from csc_pretrain3d.data.datasets import NuScenes
from csc_pretrain3d.data.datasets.nuscenes import _is_validation
from csc_pretrain3d.data.frame import Camera
from csc_pretrain3d.data.pairs import project
from visioncore.images import Image, write_image

devkit: Any = pytest.importorskip("nuscenes.nuscenes", reason="nuscenes-devkit is not installed")


@pytest.fixture
def tree(nuscenes_tree: Path, tmp_path: Path) -> Path:
    """A copy with the tables that the devkit alone needs."""
    root = shutil.copytree(nuscenes_tree, tmp_path / "nuscenes")
    write_image(root / "maps" / "none.png", Image(np.zeros((4, 4, 3), np.uint8)))
    tables: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("attribute", "visibility", "instance", "sample_annotation")
    }
    tables["category"] = [{"token": "any", "name": "animal", "index": 1}]
    tables["log"] = [{"token": "log"}]
    tables["map"] = [{"token": "map", "log_tokens": ["log"], "filename": "maps/none.png", "category": "any"}]
    for name, rows in tables.items():
        (root / "v1.0-trainval" / f"{name}.json").write_text(json.dumps(rows))
    sensors = json.loads((root / "v1.0-trainval/sensor.json").read_text())
    for row in sensors:
        row["modality"] = {"LIDAR": "lidar", "RADAR": "radar"}.get(row["channel"][:5], "camera")
    (root / "v1.0-trainval/sensor.json").write_text(json.dumps(sensors))
    return root


def test_the_devkit_finds_the_same(tree: Path) -> None:
    theirs = devkit.NuScenes("v1.0-trainval", str(tree), verbose=False)
    ours = NuScenes(tree, "all")
    for index, sample in enumerate(ours.samples):
        frame, data = ours[index], theirs.get("sample", sample.token)["data"]
        assert theirs.get("scene", theirs.get("sample", sample.token)["scene_token"])["name"] == frame.scene
        points = devkit.LidarPointCloud.from_file(theirs.get_sample_data_path(data["LIDAR_TOP"]))
        np.testing.assert_array_equal(frame.scan.points, points.points[:3].T)
        np.testing.assert_array_equal(frame.scan.intensity, points.points[3])
        for camera in frame.cameras:
            pixels, depth, _ = theirs.explorer.map_pointcloud_to_image(data["LIDAR_TOP"], data[camera.name], 1.0)
            here, seen = pixels_of(frame.scan.points, camera)
            # unlike the method, the devkit leaves out a pixel more at the left and at the top
            inside = ((here > 1) & (here < [[103], [55]])).all(axis=0)
            assert set(seen[inside]) <= set(project(frame.scan.points, camera).point)
            assert depth.min() > 1
            # it moves points of float32 through the world, where they are a kilometre away
            np.testing.assert_allclose(pixels[:2], here[:, inside], atol=0.01)


def pixels_of(points: NDArray[np.float32], camera: Camera) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return columns and rows (2, M) of the points in front of a camera, and which points (M,) they are."""
    padded = np.column_stack([points, np.ones(len(points))])
    across, down, z = camera.intrinsic @ (camera.lidar_to_camera @ padded.T)[:3]
    seen = np.flatnonzero(z > 1)
    return np.stack([across[seen] / z[seen], down[seen] / z[seen]]), seen


def test_the_devkit_knows_the_same_splits() -> None:
    from nuscenes.utils.splits import train, val

    assert [name for name in sorted([*train, *val]) if _is_validation(name)] == sorted(val)
