"""The tables of nuScenes, JSON lists of flat records, of which the largest are read record by record."""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from visioncore.errors import InputError, damage
from visioncore.size_limit import check_size

LIDAR = "LIDAR_TOP"
CAMERAS = ("CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_BACK_RIGHT", "CAM_BACK", "CAM_BACK_LEFT", "CAM_FRONT_LEFT")
"""Names of the sensors."""

Record = dict[str, Any]

_RECORD = re.compile(rb"\{[^{}]*\}")
_KEY_FRAME = re.compile(rb'"is_key_frame"\s*:\s*true')
_TOKEN = re.compile(rb'"token"\s*:\s*"([^"]*)"')


class SensorData(NamedTuple):
    """The record of one sensor at one key frame.

    Attributes:
        token: of its row in ``sample_data``, which names files of labels and segments.
        filename: below the root.
        size: (H, W) of an image, else (0, 0).
        ego_pose: translation and quaternion of the vehicle in the world at that time.
        sensor_pose: translation and quaternion of the sensor in the vehicle.
        intrinsic: of a camera, else empty.
    """

    token: str
    filename: str
    size: tuple[int, int]
    ego_pose: tuple[list[float], list[float]]
    sensor_pose: tuple[list[float], list[float]]
    intrinsic: list[list[float]]


class Sample(NamedTuple):
    """One key frame: its token, its scene, and what each sensor recorded."""

    token: str
    scene: str
    sensors: dict[str, SensorData]


def read_samples(folder: Path, scenes: Callable[[str], bool]) -> list[Sample]:
    """Return the key frames of chosen scenes, in the order of the scenes' table and within a scene by time.

    Args:
        folder: with the tables, such as ``v1.0-trainval``.
        scenes: which are chosen, by their names.

    Raises:
        InputError: if a table is missing or damaged, or a record points to one that is not there.
    """
    chosen = {
        each["token"]: each["name"] for each in read_table(folder, "scene", "token", "name") if scenes(each["name"])
    }
    place = {token: number for number, token in enumerate(chosen)}
    samples = [
        each
        for each in read_table(folder, "sample", "token", "scene_token", "timestamp")
        if each["scene_token"] in chosen
    ]
    samples.sort(key=lambda each: (place[each["scene_token"]], each["timestamp"]))
    channels = {each["token"]: each["channel"] for each in read_table(folder, "sensor", "token", "channel")}
    fields = ("token", "sensor_token", "translation", "rotation", "camera_intrinsic")
    sensors = {each["token"]: each for each in read_table(folder, "calibrated_sensor", *fields)}
    wanted = {each["token"] for each in samples}
    recorded = [
        (channel, each)
        for each in _key_frames(folder)
        if each["sample_token"] in wanted
        and (channel := _channel(folder, each, sensors, channels)) in (LIDAR, *CAMERAS)
    ]
    poses = _poses(folder, {each["ego_pose_token"] for _, each in recorded})
    by_sample: dict[str, dict[str, SensorData]] = {token: {} for token in wanted}
    for channel, each in recorded:
        sensor, ego = sensors[each["calibrated_sensor_token"]], poses[each["ego_pose_token"]]
        by_sample[each["sample_token"]][channel] = SensorData(
            each["token"],
            each["filename"],
            (int(each.get("height") or 0), int(each.get("width") or 0)),
            (ego["translation"], ego["rotation"]),
            (sensor["translation"], sensor["rotation"]),
            sensor["camera_intrinsic"],
        )
    return [Sample(each["token"], chosen[each["scene_token"]], by_sample[each["token"]]) for each in samples]


def read_table(folder: Path, name: str, *fields: str) -> list[Record]:
    """Return the records of a table.

    Args:
        folder: with the tables.
        name: of the table.
        fields: that every record must have.

    Raises:
        InputError: if the table is missing or no list of such records.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        raise InputError(f"{path}: this table is missing; unpack the metadata of nuScenes there")
    check_size(path, path.stat().st_size)
    with damage(path, "is no table of nuScenes, or truncated"):
        records = json.loads(path.read_bytes())
    if not isinstance(records, list):
        raise InputError(f"{path}: is no table of nuScenes, which is a list of records")
    return _with_fields(path, records, fields)


def _with_fields(path: Path, records: list[Record], fields: Iterable[str]) -> list[Record]:
    for record in records:
        for field in fields:
            if not isinstance(record, dict) or field not in record:
                raise InputError(f"{path}: a record has no {field}")
    return records


def _key_frames(folder: Path) -> list[Record]:
    fields = ("token", "sample_token", "ego_pose_token", "calibrated_sensor_token", "filename")
    path = folder / "sample_data.json"
    return _with_fields(path, _some_records(path, lambda text: _KEY_FRAME.search(text) is not None), fields)


def _poses(folder: Path, tokens: set[str]) -> dict[str, Record]:
    path, wanted = folder / "ego_pose.json", {token.encode() for token in tokens}

    def is_wanted(text: bytes) -> bool:
        found = _TOKEN.search(text)
        return found is not None and found[1] in wanted

    records = _with_fields(path, _some_records(path, is_wanted), ("token", "translation", "rotation"))
    poses = {each["token"]: each for each in records}
    if len(poses) < len(tokens):
        raise InputError(f"{path}: {len(tokens - poses.keys())} of {len(tokens)} poses are missing; is it truncated?")
    return poses


def _some_records(path: Path, wanted: Callable[[bytes], bool]) -> list[Record]:
    """Return the records of a table whose text is wanted; of the others, millions in two tables, no object is made."""
    if not path.is_file():
        raise InputError(f"{path}: this table is missing; unpack the metadata of nuScenes there")
    if not path.stat().st_size:
        raise InputError(f"{path}: the file is empty")
    with (
        damage(path, "is no table of nuScenes, or truncated"),
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        if content[:256].strip()[:1] != b"[" or content[-256:].strip()[-1:] != b"]":
            raise ValueError("a table begins with [ and ends with ]")
        texts = (match.group() for match in _RECORD.finditer(content))
        return [json.loads(text) for text in texts if wanted(text)]


def _channel(folder: Path, data: Record, sensors: dict[str, Record], channels: dict[str, str]) -> str:
    sensor = sensors.get(data["calibrated_sensor_token"])
    channel = channels.get(sensor["sensor_token"]) if sensor else None
    if channel is None:
        raise InputError(f"{folder / 'sample_data.json'}: record {data['token']} has a sensor that no table knows")
    return channel
