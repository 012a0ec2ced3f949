"""Frames of any data set written as a folder of one's own, see `FolderFrames`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from visioncore.errors import InputError
from visioncore.files import whole_folder
from visioncore.images import Image, write_image

from ..classes import CLASS_MAPS, ClassMap
from ..formats import write_labels, write_segments
from ..frame import Camera, Frame


def write_folder(root: str | Path, frames: Iterable[Frame], classes: ClassMap) -> None:
    """Write frames: scans as .bin, labels as .label, images and segments as .png, and the JSON files about them.

    The folder appears when all is written.

    Args:
        root: the folder, which must not be there yet.
        frames: any number; names of their scans must differ.
        classes: of their labels.

    Raises:
        InputError: if the folder is there, or it cannot be written.
    """
    root = Path(root)
    if root.exists():
        raise InputError(f"{root}: is there already; name a new folder")
    with whole_folder(root) as folder:
        cameras: dict[str, dict[str, Any]] = {}
        poses: dict[str, dict[str, Any]] = {}
        for frame in frames:
            scan = frame.scan
            key = f"{frame.scene}/{scan.name}" if frame.scene else scan.name
            path = _made(folder / "scans" / f"{key}.bin")
            np.column_stack([scan.points, scan.intensity]).astype("<f4").tofile(path)
            if scan.labels is not None:
                write_labels(_made(folder / "labels" / f"{key}.label"), scan, scan.labels, classes)
            for camera in frame.cameras:
                write_image(_made(folder / "images" / camera.name / f"{key}.png"), Image(camera.image))
                if camera.segments is not None:
                    write_segments(_made(folder / "segments" / camera.name / f"{key}.png"), camera.segments)
                entry = _entry(camera)
                if cameras.setdefault(camera.name, entry) != entry:
                    poses.setdefault(key, {})[camera.name] = entry
        if cameras:
            _write_json(folder / "calibration.json", {"cameras": cameras, "frames": poses})
        _write_json(folder / "classes.json", _about(classes))


def _entry(camera: Camera) -> dict[str, Any]:
    height, width = camera.size
    pose = camera.lidar_to_camera.tolist()
    return {"intrinsic": camera.intrinsic.tolist(), "lidar_to_camera": pose, "width": width, "height": height}


def _about(classes: ClassMap) -> dict[str, Any]:
    for name, known in CLASS_MAPS.items():
        if known is classes:
            return {"map": name}
    entries = zip(classes.names, classes.raw.tolist(), classes.colours.tolist(), strict=True)
    return {
        "classes": [
            {"name": name, "ids": [raw], "colour": colour, "thing": place in classes.things}
            for place, (name, raw, colour) in enumerate(entries)
        ]
    }


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
