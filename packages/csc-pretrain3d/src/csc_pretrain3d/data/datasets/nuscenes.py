"""nuScenes, read without its devkit: key frames of the LiDAR with six cameras, lidarseg or panoptic labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError, damage, some
from visioncore.size_limit import check_size

from ..classes import NUSCENES
from ..formats import find_segments, read_labels, read_scan
from ..frame import Camera, Frame, Scan
from .frames import rigid
from .nuscenes_tables import CAMERAS, LIDAR, Sample, SensorData, read_samples, read_table

_VALIDATION = (
    *((3, 3), (12, 18), (35, 39), (92, 110), (221, 221), (268, 278), (329, 346), (519, 524), (552, 565), (625, 638)),
    *((770, 784), (794, 802), (904, 931), (962, 972), (1059, 1073)),
)
"""Numbers of the validation scenes, those between which belong to no other split; 150 of the 850 there are."""

_MINI_VALIDATION = ("scene-0103", "scene-0916")

SPLITS = ("train", "val", "test", "mini_train", "mini_val", "all")
"""Names of the splits."""


class NuScenes:
    """The key frames of a split.

    Args:
        root: with ``samples``, ``lidarseg`` and the folder of tables.
        split: ``train`` (700 scenes), ``val`` (150), ``test``, ``mini_train``, ``mini_val``, ``all``, or a name in
            ``splits``.
        version: folder of the tables; None for the only one there is.
        splits: a JSON file of one's own, ``{"name": ["scene-0001", ...]}``.
        segments: a folder with ``<sample_data token>.png`` of each camera (or ``_dino_mask.bin``, ``.npy``); None for
            none.
        semantic: ids of these segments mean the same category in every image.
        panoptic: whether labels with instances are read (``panoptic.json``), else those of lidarseg.
        cameras: whether frames have cameras.

    Raises:
        InputError: if there is no such data, split or version, or a table is bad.
    """

    classes = NUSCENES

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        *,
        version: str | None = None,
        splits: str | Path | None = None,
        segments: str | Path | None = None,
        semantic: bool = True,
        panoptic: bool = False,
        cameras: bool = True,
    ) -> None:
        self.root, self.segments = Path(root), Path(segments) if segments is not None else None
        self.semantic, self.cameras = semantic and segments is not None, cameras
        folder = self.root / version if version else _only_version(self.root)
        self.samples = read_samples(folder, _in_split(split, splits))
        if not self.samples:
            raise InputError(f"{folder}: has no scene of the split {split}")
        if without := [sample.token for sample in self.samples if LIDAR not in sample.sensors]:
            raise InputError(f"{folder}: {len(without)} samples have no {LIDAR}: {some(without)}")
        self.labels = _label_files(folder, panoptic)
        self.scenes = [sample.scene for sample in self.samples]
        self.names = [Path(sample.sensors[LIDAR].filename).name.partition(".")[0] for sample in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Frame:
        """Return a key frame.

        Raises:
            InputError: if a file is missing or bad, or the calibration of a camera is.
        """
        sample = self.samples[index]
        lidar = sample.sensors[LIDAR]
        path = self.root / lidar.filename
        scan = read_scan(path)
        labels = instances = None
        if self.labels:
            if lidar.token not in self.labels:
                raise InputError(f"{path}: has no labels in the table; is it that of another version?")
            label_path = self.root / self.labels[lidar.token]
            raw = read_labels(label_path, len(scan))
            labels, instances = self.classes.classes_of(raw.ids, label_path), raw.instances
        scan = Scan(scan.points, scan.intensity, labels, instances, self.names[index])
        seen = [self._camera(sample, name) for name in CAMERAS] if self.cameras else []
        return Frame(scan, seen, sample.scene, self.semantic)

    def _camera(self, sample: Sample, name: str) -> Camera:
        if name not in sample.sensors:
            raise InputError(f"{self.root}: sample {sample.token} has no calibrated image of {name}")
        data = sample.sensors[name]
        pose, size = lidar_to_camera(sample.sensors[LIDAR], data), data.size if min(data.size) > 0 else None
        camera = Camera(name, self.root / data.filename, data.intrinsic, pose, size=size, key=data.token)
        return camera if self.segments is None else find_segments(self.segments, camera)


def lidar_to_camera(lidar: SensorData, camera: SensorData) -> NDArray[np.float64]:
    """Return the (4, 4) matrix from the LiDAR's coordinates to a camera's.

    The way leads over the vehicle when the LiDAR turned, the world, and the vehicle when the camera took its image,
    in float64.
    """
    to_world = rigid(*lidar.ego_pose, lidar.token) @ rigid(*lidar.sensor_pose, lidar.token)
    from_camera = rigid(*camera.ego_pose, camera.token) @ rigid(*camera.sensor_pose, camera.token)
    return np.linalg.solve(from_camera, to_world).astype(np.float64)


def _only_version(root: Path) -> Path:
    found = sorted(path for path in root.glob("v1.0-*") if path.is_dir())
    if len(found) != 1:
        there = some(path.name for path in found) or "none"
        raise InputError(
            f"{root}: one folder of tables (v1.0-trainval) is expected, there is {there}; name the version"
        )
    return found[0]


def _in_split(split: str, splits: str | Path | None) -> Callable[[str], bool]:
    if splits is not None:
        path = Path(splits)
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        check_size(path, path.stat().st_size)
        with damage(path, 'must be {"train": ["scene-0001", ...], ...}'):
            lists = {str(name): frozenset(map(str, scenes)) for name, scenes in json.loads(path.read_text()).items()}
        if split not in lists:
            raise InputError(f"{path}: has no split {split}; it has {some(lists)}")
        return lists[split].__contains__
    match split:
        case "train":
            return lambda scene: not _is_validation(scene)
        case "val":
            return _is_validation
        case "mini_train":
            return lambda scene: scene not in _MINI_VALIDATION
        case "mini_val":
            return _MINI_VALIDATION.__contains__
        case "test" | "all":
            return lambda scene: True
    raise InputError(f"there is no split {split}; there are {', '.join(SPLITS)}, or those of a file of your own")


def _is_validation(scene: str) -> bool:
    number = scene.rpartition("-")[2]
    return number.isdecimal() and any(low <= int(number) <= high for low, high in _VALIDATION)


def _label_files(folder: Path, panoptic: bool) -> dict[str, str]:
    """Return the files of labels by the tokens of LiDAR data; none where the table is not there."""
    name = "panoptic" if panoptic else "lidarseg"
    if not (folder / f"{name}.json").is_file() and not panoptic:
        return {}
    rows = read_table(folder, name, "sample_data_token", "filename")
    return {row["sample_data_token"]: row["filename"] for row in rows}
