"""Tiny data sets on disk in the layouts of nuScenes and SemanticKITTI, of made-up streets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csc_pretrain3d.data.classes import NUSCENES, SEMANTICKITTI
from csc_pretrain3d.data.formats import write_segments
from csc_pretrain3d.data.frame import Frame
from csc_pretrain3d.data.synthetic import SensorConfig, synthetic_frame
from visioncore.images import Image, write_image

SENSORS = SensorConfig(azimuths=240, size=(56, 104))
SEGMENTS = "segments"
"""Folder of segments below the root."""

Matrix = NDArray[np.float64]


def streets(scenes: int, frames: int) -> list[list[Frame]]:
    """Return the frames of each of several streets."""
    return [[synthetic_frame(scene, index, SENSORS) for index in range(frames)] for scene in range(scenes)]


def write_nuscenes(
    root: Path, scenes: Sequence[str] = ("scene-0001", "scene-0002", "scene-0003"), frames: int = 2
) -> None:
    """Write ``v1.0-trainval`` with lidarseg and panoptic labels and segments; scene-0003 is one of validation.

    Between key frames there are sweeps without files, and a radar, as in the real tables.
    """
    rng = np.random.default_rng(0)
    tables: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("scene", "sample", "sample_data", "calibrated_sensor", "ego_pose", "lidarseg", "panoptic")
    }
    every = streets(len(scenes), frames)
    names = ["RADAR_FRONT", "LIDAR_TOP", *(camera.name for camera in every[0][0].cameras)]
    tables["sensor"] = [{"token": f"sensor-{name}", "channel": name, "modality": "any"} for name in names]

    def record(kind: str, token: str, pose: Matrix, **more: Any) -> None:
        rotation, translation = quaternion(pose[:3, :3]), pose[:3, 3].tolist()
        tables[kind].append({"token": token, "translation": translation, "rotation": rotation, **more})

    def data(
        channel: str, sample: str, filename: str, ego: Matrix, sensor: Matrix, key: bool = True, **more: Any
    ) -> str:
        token = f"{sample}-{channel}" if key else f"{sample}-{channel}-sweep"
        record("ego_pose", f"pose-{token}", ego, timestamp=1)
        intrinsic = more.pop("intrinsic", [])
        record("calibrated_sensor", f"at-{token}", sensor, sensor_token=f"sensor-{channel}", camera_intrinsic=intrinsic)
        row = {"token": token, "sample_token": sample, "ego_pose_token": f"pose-{token}", "filename": filename, **more}
        tables["sample_data"].append({**row, "calibrated_sensor_token": f"at-{token}", "is_key_frame": key})
        return token

    for scene, taken in zip(scenes, every, strict=True):
        tables["scene"].append({"token": f"of-{scene}", "name": scene, "description": "a street {made up}"})
        for number, frame in enumerate(taken):
            sample = f"{scene}-{number}"
            # later frames first: tables are in no order
            row = {"token": sample, "scene_token": f"of-{scene}", "timestamp": 1000 + number}
            tables["sample"].insert(0, row)
            ego, lidar = random_pose(rng, 900), random_pose(rng, 1)
            filename = f"samples/LIDAR_TOP/{sample}__LIDAR_TOP__{number}.pcd.bin"
            token = data("LIDAR_TOP", sample, filename, ego, lidar)
            data("LIDAR_TOP", sample, "sweeps/LIDAR_TOP/none.pcd.bin", random_pose(rng, 9), lidar, key=False)
            data("RADAR_FRONT", sample, "samples/RADAR_FRONT/none.pcd", ego, lidar)
            scan = frame.scan
            assert scan.labels is not None
            assert scan.instances is not None
            rows = np.column_stack([scan.points, scan.intensity, np.zeros(len(scan))])
            rows.astype(np.float32).tofile(made(root / filename))
            raw = NUSCENES.raw[scan.labels]
            tables["lidarseg"].append(
                {"token": token, "sample_data_token": token, "filename": f"lidarseg/v1.0-trainval/{token}_lidarseg.bin"}
            )
            raw.astype(np.uint8).tofile(made(root / f"lidarseg/v1.0-trainval/{token}_lidarseg.bin"))
            tables["panoptic"].append(
                {"token": token, "sample_data_token": token, "filename": f"panoptic/v1.0-trainval/{token}_panoptic.npz"}
            )
            both = (raw * 1000 + scan.instances % 1000).astype(np.uint16)
            np.savez_compressed(made(root / f"panoptic/v1.0-trainval/{token}_panoptic.npz"), data=both)
            for camera in frame.cameras:
                later = random_pose(rng, 900)
                at = np.linalg.inv(later) @ ego @ lidar @ np.linalg.inv(camera.lidar_to_camera)
                filename = f"samples/{camera.name}/{sample}__{camera.name}.jpg"
                more = {"height": camera.size[0], "width": camera.size[1], "intrinsic": camera.intrinsic.tolist()}
                token = data(camera.name, sample, filename, later, at, **more)
                write_image(made(root / filename), Image(camera.image))
                assert camera.segments is not None
                write_segments(made(root / SEGMENTS / f"{token}.png"), camera.segments)
    for name, rows_of_table in tables.items():
        # half of them in one line, as some tools write JSON
        made(root / "v1.0-trainval" / f"{name}.json").write_text(
            json.dumps(rows_of_table, indent=0 if name in ("sample_data", "scene") else None)
        )


def write_semantickitti(root: Path, sequences: Sequence[str] = ("00", "08"), frames: int = 2) -> None:
    """Write ``sequences`` with labels, scribbles (a tenth of the labels), images of one camera and segments."""
    for sequence, taken in zip(sequences, streets(len(sequences), frames), strict=True):
        folder = root / "dataset" / "sequences" / sequence
        for number, frame in enumerate(taken):
            scan, camera = frame.scan, frame.cameras[0]
            assert scan.labels is not None
            rows = np.column_stack([scan.points, scan.intensity / 255]).astype(np.float32)
            rows.tofile(made(folder / "velodyne" / f"{number:06}.bin"))
            raw = SEMANTICKITTI.raw[scan.labels].astype("<u4")
            raw.tofile(made(folder / "labels" / f"{number:06}.label"))
            scribbled = np.where(np.arange(len(raw)) % 10 == 0, raw, 0).astype("<u4")
            scribbled.tofile(made(folder / "scribbles" / f"{number:06}.label"))
            write_image(made(folder / "image_2" / f"{number:06}.png"), Image(camera.image))
            assert camera.segments is not None
            write_segments(made(root / SEGMENTS / sequence / f"{number:06}.png"), camera.segments)
        projection = np.column_stack([camera.intrinsic, camera.intrinsic @ [0.06, 0, 0]])
        moved = camera.lidar_to_camera[:3] - [[0, 0, 0, 0.06], [0, 0, 0, 0], [0, 0, 0, 0]]
        lines = [("P0", projection), ("P2", projection), ("Tr", moved)]
        text = "".join(f"{name}: {' '.join(f'{value:.12e}' for value in values.flat)}\n" for name, values in lines)
        (folder / "calib.txt").write_text(text)


def random_pose(rng: np.random.Generator, reach: float) -> Matrix:
    """Return a (4, 4) matrix that turns and moves anyhow."""
    pose = np.eye(4)
    turned, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    pose[:3, :3] = turned * np.sign(np.linalg.det(turned))
    pose[:3, 3] = rng.uniform(-reach, reach, 3)
    return pose


def quaternion(turned: Matrix) -> list[float]:
    """Return (w, x, y, z) of a rotation (3, 3): the eigenvector of a matrix that they make extreme."""
    a = turned
    table = np.array(
        [
            [a[0, 0] + a[1, 1] + a[2, 2], a[2, 1] - a[1, 2], a[0, 2] - a[2, 0], a[1, 0] - a[0, 1]],
            [a[2, 1] - a[1, 2], a[0, 0] - a[1, 1] - a[2, 2], a[0, 1] + a[1, 0], a[0, 2] + a[2, 0]],
            [a[0, 2] - a[2, 0], a[0, 1] + a[1, 0], a[1, 1] - a[0, 0] - a[2, 2], a[1, 2] + a[2, 1]],
            [a[1, 0] - a[0, 1], a[0, 2] + a[2, 0], a[1, 2] + a[2, 1], a[2, 2] - a[0, 0] - a[1, 1]],
        ]
    )
    found: list[float] = np.linalg.eigh(table)[1][:, -1].tolist()
    return found


def made(path: Path) -> Path:
    """Return a path whose folder is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
