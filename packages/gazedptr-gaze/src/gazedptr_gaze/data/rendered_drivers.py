"""Rendered drivers in the layout of IVGaze: heads in a made-up cabin that look at its zones."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.extras import require
from visioncore.files import whole_folder
from visioncore.images import Image, write_image

from .camera import Camera
from .crop import crop_face
from .face_renderer import Look, Pose, render_face
from .head_mesh import Head
from .head_pose import head_pose
from .ivgaze import FOLDS, NORMALISED, ORIGINAL
from .normalisation import SIZE, Normalisation, normalise_square
from .rotations import to_matrices, to_vectors
from .synthetic_cabin import draw_camera, draw_target
from .zones import FINE_ZONES

__all__ = ["RenderedDriver", "draw_driver", "write_rendered_drivers"]

Floats = NDArray[np.floating]

WIDTH, HEIGHT, FOCAL_LENGTH = 640, 480, 640.0
"""Of the camera in the cabin, in pixels."""
AROUND = 240.0
"""Side of the square around the face that is rendered, in mm."""
MOST_TURNED = 70.0
"""A head that is turned farther away from the camera, in degrees, is not rendered: no detector finds it."""
LANDMARK_NOISE = 0.7
"""Standard deviation of found landmarks in pixels."""
MOST_TRIES = 100
HEADERS = {
    NORMALISED: "image gaze head zone origin unused rotation",
    ORIGINAL: "image gaze head zone target origin",
}
"""First lines of the label files."""


@dataclass(frozen=True)
class RenderedDriver:
    """One image of a driver, as the networks see it, and what is known of it.

    Attributes:
        normalised: (S, S, 3) uint8, what the virtual camera sees.
        original: (S, S, 3) uint8, the plain crop.
        virtual: the virtual camera.
        head: (3, 3) rotation of the head as estimated, in the frame of the camera.
        centre: (3,) the face's centre as estimated, in mm in the frame of the camera.
        pose: where the head truly is and what it looks at, in the frame of the camera.
        zone: fine zone that it looks at.
        glasses: whether it wears them.
    """

    normalised: NDArray[np.uint8]
    original: NDArray[np.uint8]
    virtual: Normalisation
    head: Floats
    centre: Floats
    pose: Pose
    zone: int
    glasses: bool


def draw_driver(head: Head, rng: np.random.Generator, *, size: int = SIZE[0], spread: float = 1.0) -> RenderedDriver:
    """Render a driver in a drawn pose, light and look, who looks at a drawn point of the cabin.

    Args:
        head: who drives.
        rng: draws everything.
        size: side of the images in pixels.
        spread: how much the camera's place varies; 0 for one camera.

    Raises:
        InputError: if no drawn pose shows the face to the camera.
    """
    for _ in range(MOST_TRIES):
        drawn = _draw_pose(rng, spread)
        if drawn is not None:
            break
    else:
        raise InputError("no drawn pose shows the face to the camera; is the head's frame that of Head?")
    pose, zone = drawn
    image, camera = _take_photo(head, pose, glasses := bool(rng.random() < 0.25), rng)
    landmarks = (head.vertices[head.landmarks] - head.centre) @ pose.rotation.T + pose.centre
    pixels = landmarks @ camera.matrix.T
    found = pixels[:, :2] / pixels[:, 2:] + rng.normal(0, LANDMARK_NOISE, (len(pixels), 2))
    estimated = head_pose(found, camera)
    virtual = normalise_square(camera.matrix, estimated.centre, estimated.rotation, size)
    return RenderedDriver(
        virtual.face(image),
        crop_face(image, found, size),
        virtual,
        estimated.rotation,
        estimated.centre,
        pose,
        zone,
        glasses,
    )


def _draw_pose(rng: np.random.Generator, spread: float) -> tuple[Pose, int] | None:
    """Return a pose in the camera's frame and a zone, or None if the camera does not see the face."""
    camera = draw_camera(rng, spread)
    zone = int(rng.integers(FINE_ZONES))
    target = draw_target(rng, zone)
    place = rng.normal(0, [50, 30, 40])
    away = target - place
    yaw, down = np.arctan2(away[0], away[2]), np.arctan2(away[1], np.hypot(away[0], away[2]))
    # the head follows the eyes in part, and the eyes do the rest, up to 40 degrees
    follows = rng.uniform(0.35, 0.95)
    turn = np.clip(follows * yaw, yaw - 0.7, yaw + 0.7) + rng.normal(0, 0.08)
    nod = np.clip(0.7 * follows * down, down - 0.5, down + 0.5) + rng.normal(0, 0.08)
    rotation = to_matrices(np.array([0, turn, 0])) @ to_matrices(np.array([-nod, 0, 0]))
    rotation = rotation @ to_matrices(np.array([0, 0, rng.normal(0, 0.06)]))
    pose = Pose(camera.turn(rotation), camera.see(place), camera.see(target))
    facing = pose.rotation[:, 2] @ pose.centre / np.linalg.norm(pose.centre)
    return (pose, zone) if facing > np.cos(np.radians(MOST_TURNED)) else None


def _take_photo(head: Head, pose: Pose, glasses: bool, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Camera]:
    """Return the part of the camera's image around the face, and the camera of that part."""
    side = round(AROUND * FOCAL_LENGTH / pose.centre[2])
    middle = FOCAL_LENGTH * pose.centre[:2] / pose.centre[2] + [WIDTH / 2, HEIGHT / 2]
    corner = np.rint(middle - side / 2)
    matrix = np.array([[FOCAL_LENGTH, 0, WIDTH / 2 - corner[0]], [0, FOCAL_LENGTH, HEIGHT / 2 - corner[1]], [0, 0, 1]])
    infrared = rng.random() < 0.5
    image, face = render_face(head, pose, _draw_look(rng, infrared, glasses), matrix, (side, side))
    shade = rng.uniform(0.02, 0.5, (3, 3, 3))
    cv2 = require("cv2", "images")
    behind = cv2.resize(shade, (side, side), interpolation=cv2.INTER_CUBIC).clip(0.01, 1)
    image = np.where(face[..., None], image, np.where(image > 0, image, behind))
    if infrared:
        image = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    image = (image * rng.uniform(0.7, 1.25)) ** rng.uniform(0.75, 1.25)
    if (blur := rng.uniform(0, 0.9)) > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    image = image + rng.normal(0, rng.uniform(0.002, 0.03), image.shape[:2])[..., None]
    return (255 * image.clip(0, 1)).round().astype(np.uint8), Camera(matrix, np.zeros(5))


def _draw_look(rng: np.random.Generator, infrared: bool, glasses: bool) -> Look:
    tone = rng.uniform(0.25, 1.0)
    skin = tone * np.array([0.85, 0.66, 0.56]) + (1 - tone) * np.array([0.30, 0.19, 0.14]) + rng.normal(0, 0.02, 3)
    light = rng.normal([0, -0.5, -1.0], [0.8, 0.4, 0.4])
    lights, strengths = [light], [rng.uniform(0.2, 0.9)]
    if infrared:  # a lamp beside the camera
        lights, strengths = [rng.normal([0, 0, -1], 0.08), light], [rng.uniform(0.5, 0.9), rng.uniform(0, 0.3)]
    return Look(
        skin=tuple(skin.clip(0.05, 1)),
        hair=tuple(rng.uniform(0.02, 0.35) * np.array([1, 0.8, 0.65])),
        iris=tuple(rng.uniform([0.1, 0.08, 0.05], [0.5, 0.45, 0.45])),
        pupil=rng.uniform(0.25, 0.6),
        lights=np.array(lights),
        strengths=np.array(strengths),
        ambient=rng.uniform(0.1, 0.5),
        lids=float(np.clip(rng.normal(0.05, 0.12), 0, 0.5)),
        glasses=glasses,
        glare=float(rng.uniform(0, 0.25)) if glasses else 0.0,
    )


def write_rendered_drivers(
    folder: str | Path,
    folds: Sequence[Sequence[Head]],
    each: int,
    *,
    seed: int = 0,
    size: int = SIZE[0],
    spread: float = 1.0,
    processes: int = 1,
) -> None:
    """Write rendered drivers as a data set that `read_fold` reads, whole or not at all.

    Args:
        folder: of the data set.
        folds: the heads of folds 1 to 3, other people in each.
        each: images of every head.
        seed: decides everything that is drawn; an image depends on nothing but it and its place.
        size: side of the images in pixels.
        spread: how much the camera's place varies.
        processes: that render side by side.

    Raises:
        InputError: if there are not three folds, or the folder cannot be written.
    """
    if len(folds) != len(FOLDS):
        raise InputError(f"{len(folds)} folds; IVGaze has {len(FOLDS)}")
    people = [(number, head) for number, heads in zip(FOLDS, folds, strict=True) for head in heads]
    with whole_folder(Path(folder)) as root:
        tasks = [(root, head, person, each, seed, size, spread) for person, (_, head) in enumerate(people)]
        if processes > 1:
            with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
                rows = list(pool.map(_write_person, tasks))
        else:
            rows = [_write_person(task) for task in tasks]
        for number in FOLDS:
            for tree, header in HEADERS.items():
                mine = (row[tree] for (fold, _), row in zip(people, rows, strict=True) if fold == number)
                path = root / tree / "label_class" / f"train{number}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("\n".join([header, *chain.from_iterable(mine)]) + "\n", encoding="utf-8")


def _write_person(task: tuple[Path, Head, int, int, int, int, float]) -> dict[str, list[str]]:
    """Write the images of one person and return their lines of the two label files."""
    root, head, person, each, seed, size, spread = task
    lines: dict[str, list[str]] = {NORMALISED: [], ORIGINAL: []}
    for index in range(each):
        made = draw_driver(head, np.random.default_rng([seed, person, index]), size=size, spread=spread)
        _write(root, f"rendered/subject{person:04d}{'_eye' * made.glasses}/{index + 1}.jpg", made, lines)
    return lines


def _write(root: Path, name: str, made: RenderedDriver, lines: dict[str, list[str]]) -> None:
    for tree, pixels in ((NORMALISED, made.normalised), (ORIGINAL, made.original)):
        write_image(root / tree / name, Image(pixels))
    gaze, origin = made.pose.gaze, made.centre
    columns = {
        NORMALISED: [
            _told(made.virtual.gaze(gaze)),
            _told(made.virtual.head(made.head)),
            str(made.zone),
            _told(made.virtual.gaze(origin)),
            "-",
            _told(to_vectors(made.virtual.rotation)),
        ],
        ORIGINAL: [_told(gaze), "-", str(made.zone), _told(made.pose.target), _told(origin)],
    }
    for tree, words in columns.items():
        lines[tree].append(" ".join([name, *words]))


def _told(vector: Floats) -> str:
    return ",".join(f"{value:.9g}" for value in vector)
