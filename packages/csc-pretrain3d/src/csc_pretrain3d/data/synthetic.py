"""Made-up frames: a spinning LiDAR and six cameras in streets that are drawn by seed, with every label known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

from .frame import Camera, Frame, Scan
from .ray_casting import GROUND, NOTHING, Floats, Hits, cast
from .street import Street, make_street
from .street_builder import SKY

CAMERAS = (
    ("CAM_FRONT", 0, 70), ("CAM_FRONT_RIGHT", -56, 70), ("CAM_BACK_RIGHT", -111, 70),
    ("CAM_BACK", 180, 110), ("CAM_BACK_LEFT", 111, 70), ("CAM_FRONT_LEFT", 56, 70),
)  # fmt: skip
"""Names of the cameras, to where they look (degrees to the left of forwards) and how wide, as in nuScenes."""
_SHINE, _SKY, _HORIZON = np.array([[0.1, 0.13, 0.18], [0.55, 0.70, 0.90], [0.3, 0.2, 0.08]], np.float32)
"""Colours that windows return, of the sky, and what it gains towards the horizon."""
SENSOR_HEIGHT, CAMERA_HEIGHT, CAMERA_OUTWARDS = 1.84, 1.55, 0.9


@dataclass(frozen=True)
class SensorConfig:
    """The sensors; the defaults are those of nuScenes.

    Attributes:
        beams: of the LiDAR, evenly between ``lowest`` and ``highest``.
        azimuths: measurements of a beam in one turn.
        lowest: elevation of the lowest beam in degrees.
        highest: elevation of the highest beam in degrees.
        reach: of the LiDAR in metres.
        noise: standard deviation of the distance in metres.
        lost: share of the measurements that return nothing, near by; it grows with the distance.
        size: (H, W) of the images.
        mislabelled: share of things that the segmenter takes for something else.

    Raises:
        InputError: if a value is out of its range.
    """

    beams: int = 32
    azimuths: int = 1084
    lowest: float = -30.67
    highest: float = 10.67
    reach: float = 70.0
    noise: float = 0.02
    lost: float = 0.04
    size: tuple[int, int] = (900, 1600)
    mislabelled: float = 0.03

    def __post_init__(self) -> None:
        if min(self.beams, self.azimuths, *self.size) < 1:
            raise InputError("beams, azimuths and size must be at least 1")
        if not (-90 < self.lowest <= self.highest < 90 and self.reach > 0 and self.noise >= 0):
            raise InputError("-90 < lowest <= highest < 90, reach above 0 and noise at least 0 are needed")
        if not (0 <= self.lost < 1 and 0 <= self.mislabelled <= 1):
            raise InputError("lost must lie in [0, 1), mislabelled in [0, 1]")


SMALL = SensorConfig(azimuths=360, size=(56, 104))
"""Sensors that are fast to simulate and to train with: a third of the points, and images of a sixteenth."""


def synthetic_frame(scene: int, index: int = 0, sensors: SensorConfig = SMALL, *, cameras: bool = True) -> Frame:
    """Return a frame of a scene; equal arguments give equal frames.

    Labels are the 16 classes of nuScenes, segments categories of ADE20K as a segmenter would give them (0 where
    there is none), so ``semantic`` holds.

    Args:
        scene: seed of the street.
        index: number of the frame; between two of them the vehicle drives 5 m.
        sensors: the LiDAR and the cameras.
        cameras: whether there are images, which take most of the time.

    Raises:
        InputError: if a seed is negative.
    """
    if scene < 0 or index < 0:
        raise InputError(f"scene is {scene} and index {index}; both must be at least 0")
    street = make_street(scene, mislabelled=sensors.mislabelled)
    rng = np.random.default_rng([scene, 1, index])
    heading = float(rng.normal(0, 0.04))
    place = np.array([5.0 * index - 8 + rng.normal(0, 1), street.lane + rng.normal(0, 0.15), 0], np.float32)
    turn = _about_z(heading)
    scan = _scan(street, sensors, place, turn, rng, f"street {scene} frame {index}")
    taken = [_camera(street, sensors, place, turn, rng, *which) for which in CAMERAS] if cameras else []
    return Frame(scan, taken, scene=f"street {scene}", semantic=True)


def _scan(
    street: Street, sensors: SensorConfig, place: Floats, turn: Floats, rng: np.random.Generator, name: str
) -> Scan:
    """Return the points that a turning LiDAR measures, azimuth by azimuth."""
    azimuth = -2 * math.pi * np.arange(sensors.azimuths) / sensors.azimuths
    elevation = np.radians(np.linspace(sensors.lowest, sensors.highest, sensors.beams))
    around, up = np.meshgrid(azimuth, elevation, indexing="ij")
    rays = np.stack((np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)), axis=-1)
    rays = rays.reshape(-1, 3).astype(np.float32)
    origin = place + np.array([0, 0, SENSOR_HEIGHT], np.float32)
    towards = rays @ turn.T
    hits = cast(street.solids, origin, towards, rng)
    facing = np.abs((hits.normal * towards).sum(axis=1))
    with np.errstate(invalid="ignore"):
        far = np.clip(hits.distance / sensors.reach, 0, 1)
    # what is dark, far away or seen at a flat angle returns less light, and is lost more often
    returned = street.gain * _reflectivity(street, hits) * (0.35 + 0.65 * facing) * (1 - 0.4 * far)
    kept = (hits.solid != NOTHING) & (hits.distance < sensors.reach)
    kept &= rng.random(len(rays)) >= sensors.lost + (1 - sensors.lost) * far**2 * np.exp(-8 * returned)
    noisy = hits.distance + rng.normal(0, sensors.noise, len(rays))
    intensity = np.clip(np.round(255 * returned * np.exp(rng.normal(0, 0.12, len(rays)))), 0, 255)
    row = hits.solid[kept]  # the ground is the last row: -1
    return Scan(
        points=(noisy[kept, None] * rays[kept]).astype(np.float32),
        intensity=intensity[kept].astype(np.float32),
        labels=street.label[row],
        instances=street.instance[row],
        name=name,
    )


def _reflectivity(street: Street, hits: Hits) -> Floats:
    shine = street.reflectivity[hits.solid]
    shine = np.where(_is_marking(street, hits), np.float32(0.7), shine)
    return np.where(_is_window(street, hits), np.float32(0.35) * shine, shine)


def _is_marking(street: Street, hits: Hits) -> NDArray[np.bool_]:
    """Return where the ground is painted: a dashed line in the middle and one along each edge."""
    x, y = hits.local[:, 0], np.abs(hits.local[:, 1])
    middle = (y < 0.09) & (np.mod(x, 7) < 3.5)
    edge = np.abs(y - 0.5 * street.width + 0.25) < 0.07
    return (hits.solid == GROUND) & (middle | edge)


def _is_window(street: Street, hits: Hits) -> NDArray[np.bool_]:
    x, y, z = hits.local.T
    across = np.mod(x + y, 2.4) < 1.3
    return street.windows[hits.solid] & across & (np.mod(z + 50, 3.0) < 1.5) & (np.abs(hits.normal[:, 2]) < 0.5)


def _camera(
    street: Street,
    sensors: SensorConfig,
    place: Floats,
    turn: Floats,
    rng: np.random.Generator,
    name: str,
    direction: float,
    view: float,
) -> Camera:
    """Return the image of a pinhole camera, the category of each pixel, and the calibration."""
    height, width = sensors.size
    focal = width / 2 / math.tan(math.radians(view) / 2)
    intrinsic = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    # camera axes (right, down, forwards) in those of the LiDAR
    axes = _about_z(math.radians(direction)) @ np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], np.float32)
    sideways = math.radians(direction)
    offset = CAMERA_OUTWARDS * np.array([math.cos(sideways), math.sin(sideways), 0], np.float32)
    offset += np.array([0, 0, CAMERA_HEIGHT - SENSOR_HEIGHT], np.float32)
    column, row = np.meshgrid(np.arange(width), np.arange(height))
    pixels = np.stack((column.ravel(), row.ravel(), np.ones(row.size)), axis=-1)
    rays = (pixels @ np.linalg.inv(intrinsic).T).astype(np.float32)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    towards = (rays @ axes.T @ turn.T).astype(np.float32)
    origin = place + turn @ offset + np.array([0, 0, SENSOR_HEIGHT], np.float32)
    hits = cast(street.solids, origin, towards, rng)
    category = np.where(hits.solid == NOTHING, SKY, street.category[hits.solid])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = axes.T, -axes.T @ offset
    return Camera(
        name,
        _shade(street, hits, towards, rng).reshape(height, width, 3),
        intrinsic,
        matrix,
        segments=category.reshape(height, width).astype(np.int32),
    )


def _shade(street: Street, hits: Hits, towards: Floats, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the colours (R, 3) that rays see, in the light of the street."""
    colour = street.colour[hits.solid]
    colour = np.where(_is_marking(street, hits)[:, None], np.float32(0.85), colour)
    colour = np.where(_is_window(street, hits)[:, None], 0.35 * colour + _SHINE, colour)
    lit = np.clip(hits.normal @ street.sun, 0, 1)
    shaded = colour * (street.ambient + (1 - street.ambient) * lit)[:, None]
    sky = _SKY + (1 - np.clip(towards[:, 2:] * 2, 0, 1)) * _HORIZON
    with np.errstate(over="ignore"):
        clear = np.exp(hits.distance * np.float32(math.log(1 - street.haze) / 100))[:, None]
    seen = np.where((hits.solid == NOTHING)[:, None], sky, clear * shaded + (1 - clear) * np.float32(0.8))
    leaves = (hits.solid >= 0) & (street.solids.sparse[hits.solid] > 0)
    grain = 1 + np.where(leaves, 0.25, 0.04)[:, None] * rng.normal(0, 1, (len(seen), 1))
    return np.clip(np.round(255 * seen * street.light * grain), 0, 255).astype(np.uint8)


def _about_z(angle: float) -> Floats:
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], np.float32)
