"""A folder of one's own: scans, and as far as there are any labels, images with their calibration, and segments."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from visioncore.errors import InputError, damage, some
from visioncore.files import walk
from visioncore.images import IMAGE_SUFFIXES
from visioncore.size_limit import check_size

from ..classes import CLASS_MAPS, NUSCENES, ClassMap
from ..formats import LABEL_SUFFIXES, SCAN_SUFFIXES, find_segments, read_labels, read_scan
from ..frame import Camera, Frame, Scan, matrix
from .frames import is_rigid

LAYOUT = "scans/[scene/]name.bin, labels/[scene/]name.label, images/camera/[scene/]name.jpg, calibration.json"
"""Content of such a folder, in short."""


class FolderFrames:
    """The frames of a folder.

    - ``scans/[scene/]name.bin``, or .pcd, .ply, .las, .laz, .npy: each makes a frame.
    - ``labels/[scene/]name.label``, or another format of labels: raw ids, which ``classes.json`` turns into classes.
    - ``images/camera/[scene/]name.jpg``: what a camera saw.
    - ``calibration.json``: ``{"cameras": {"camera": {"intrinsic": 3 x 3, "lidar_to_camera": 4 x 4, "width": pixels,
      "height": pixels}}, "frames": {"scene/name": {"camera": {...}}}}``; what stands in ``frames``, which may be left
      out, holds for one frame in place of what stands in ``cameras``.
    - ``segments/camera/[scene/]name.png``: ids of the image's segments.
    - ``classes.json``: see `ClassMap.read`; or ``{"map": "nuscenes"}`` or ``{"map": "semantickitti"}``.
    - ``splits.json``: ``{"train": ["scene", "scene/name", ...], ...}``.

    Args:
        root: the folder.
        split: of ``splits.json``; ``all`` for every scan.
        semantic: ids of segments mean the same category in every image.
        cameras: whether frames have cameras.
        segments: whether cameras have the segments that are there.

    Raises:
        InputError: if there is no scan, or one of the JSON files is bad.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "all",
        *,
        semantic: bool = False,
        cameras: bool = True,
        segments: bool = True,
    ) -> None:
        self.root, self.semantic, self.cameras, self.segments = Path(root), semantic, cameras, segments
        scans = _by_name(self.root / "scans", SCAN_SUFFIXES)
        if not scans:
            raise InputError(f"{self.root}: no scan in it; such a folder holds {LAYOUT}")
        all_scans = scans.keys()
        if split != "all":
            chosen = self._split(split)
            scans = {name: path for name, path in scans.items() if name in chosen or _scene(name) in chosen}
            if not scans:
                raise InputError(f"{self.root}: no scan belongs to the split {split}")
        self.scans, self.keys = list(scans.values()), list(scans)
        self.scenes = [_scene(key) for key in self.keys]
        self.names = [key.replace("/", "-") for key in self.keys]
        if twice := [name for name, count in Counter(self.names).items() if count > 1]:
            raise InputError(f"{self.root}: several scans would be called {some(twice)}; rename them")
        self.labels = _by_name(self.root / "labels", LABEL_SUFFIXES)
        folders = sorted((self.root / "images").glob("*/"))
        self.images = {folder.name: _by_name(folder, IMAGE_SUFFIXES) for folder in folders}
        for place, files in (("labels", self.labels), *((f"images/{name}", of) for name, of in self.images.items())):
            if files and all_scans.isdisjoint(files):
                raise InputError(
                    f"{self.root / place}: no file is named as a scan; here is {some(files, 1)}, "
                    f"in scans {some(all_scans, 1)}"
                )
        self.classes = self._classes()
        self.calibration = self._calibration()

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> Frame:
        """Return a frame with what is there of labels and cameras.

        Raises:
            InputError: if a file is bad, or an image has no calibration.
        """
        key = self.keys[index]
        scan = read_scan(self.scans[index])
        labels = instances = None
        if key in self.labels:
            raw = read_labels(self.labels[key], len(scan))
            labels, instances = self.classes.classes_of(raw.ids, self.labels[key]), raw.instances
        scan = Scan(scan.points, scan.intensity, labels, instances, self.names[index])
        images = self.images if self.cameras else {}
        seen = [self._camera(name, key) for name, files in images.items() if key in files]
        return Frame(scan, seen, self.scenes[index], self.semantic)

    def _camera(self, name: str, key: str) -> Camera:
        where = self.root / "calibration.json"
        entry = {**self.calibration["cameras"].get(name, {}), **self.calibration["frames"].get(key, {}).get(name, {})}
        if missing := [field for field in ("intrinsic", "lidar_to_camera") if field not in entry]:
            known = some(self.calibration["cameras"]) or "none"
            raise InputError(
                f"{where}: no {' and '.join(missing)} of the camera {name}, which has images; cameras in it: {known}"
            )
        intrinsic = matrix(entry["intrinsic"], (3, 3), f"{where}: intrinsic of {name}")
        pose = matrix(entry["lidar_to_camera"], (4, 4), f"{where}: lidar_to_camera of {name}")
        if not is_rigid(pose):
            raise InputError(
                f"{where}: lidar_to_camera of {name} must turn and move points and nothing else: a rotation and a "
                "column of metres above a last row of 0, 0, 0, 1"
            )
        size = None
        if "width" in entry or "height" in entry:
            with damage(where, f"width and height of {name} must both be numbers of pixels"):
                size = int(entry["height"]), int(entry["width"])
        camera = Camera(name, self.images[name][key], intrinsic, pose, size=size, key=f"{name}/{key}")
        folder = self.root / "segments"
        return find_segments(folder, camera) if self.segments and (folder / name).is_dir() else camera

    def _calibration(self) -> dict[str, dict[str, Any]]:
        path = self.root / "calibration.json"
        if not self.images and not path.exists():
            return {"cameras": {}, "frames": {}}
        content = _read_json(path, '{"cameras": {"front": {"intrinsic": ..., "lidar_to_camera": ...}}}')
        tables = {name: content.get(name, {}) for name in ("cameras", "frames")}
        frames = tables["frames"].values() if isinstance(tables["frames"], dict) else [None]
        for entries in (tables["cameras"], *frames):
            if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
                raise InputError(f"{path}: cameras and frames must hold an object for each camera")
        return tables

    def _classes(self) -> ClassMap:
        path = self.root / "classes.json"
        if not path.exists():
            if self.labels:
                raise InputError(f'{path}: missing; it says what labels mean, for example {{"map": "nuscenes"}}')
            return NUSCENES
        name = _read_json(path, '{"map": "nuscenes"} or {"classes": [...]}').get("map")
        if name is None:
            return ClassMap.read(path)
        if name not in CLASS_MAPS:
            raise InputError(f"{path}: there is no map {name}; there are {', '.join(CLASS_MAPS)}")
        return CLASS_MAPS[name]

    def _split(self, split: str) -> set[str]:
        path = self.root / "splits.json"
        splits = _read_json(path, '{"train": ["scene", ...], ...}')
        if not isinstance(splits.get(split), list):
            raise InputError(f"{path}: has no list {split}; it has {some(splits)}")
        return set(map(str, splits[split]))


def _by_name(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Return the files of a folder by their place in it without the suffix.

    Raises:
        InputError: if two of them differ in the suffix alone.
    """
    if not folder.is_dir():
        return {}
    found: dict[str, Path] = {}
    for place, files in walk(folder):
        for path in files:
            if not path.name.lower().endswith(suffixes):
                continue
            stem = path.name[:-8] if path.name.lower().endswith(".pcd.bin") else path.stem
            name = (place.relative_to(folder) / stem).as_posix()
            if name in found:
                raise InputError(f"{path}: {found[name].name} lies beside it; keep one of the two")
            found[name] = path
    return found


def _scene(key: str) -> str:
    return key.rpartition("/")[0]


def _read_json(path: Path, example: str) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path}: no such file; it must hold {example}")
    check_size(path, path.stat().st_size)
    with damage(path, f"must hold {example}"):
        content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise InputError(f"{path}: must hold {example}")
    return content
