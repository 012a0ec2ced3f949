"""Heads to render: a triangle mesh with named eyes and landmarks, read from files or made procedurally."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

__all__ = ["SKIN", "Eye", "Head", "procedural_head", "read_ict_heads"]

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

SKIN, HAIR, LIPS, BROWS, EYEBALL = range(5)
"""Materials of triangles."""

# Mean diameters of the human iris and eyeball are 11.7 and 24 mm.
IRIS_ANGLE = float(np.arcsin(11.7 / 24))


@dataclass(frozen=True)
class Eye:
    """An eyeball, which turns about its centre."""

    vertices: Ints
    """Indices of its vertices."""
    centre: Floats
    """(3,), in mm."""
    iris: float = IRIS_ANGLE
    """Angle between its axis and the iris' rim, as seen from the centre, in radians."""


@dataclass(frozen=True)
class Head:
    """A head at rest, looking into the camera: x to the image's right, y down, z away from the camera, in mm."""

    vertices: Floats
    """(V, 3)."""
    triangles: Ints
    """(T, 3), counterclockwise in the image as seen from outside."""
    material: Ints
    """(T,): SKIN, HAIR, LIPS, BROWS or EYEBALL."""
    eyes: tuple[Eye, Eye]
    """The person's right and left eye."""
    landmarks: Ints
    """(6,): vertices at `head_pose.LANDMARKS`."""
    lids: Mapping[str, Floats] = field(default_factory=dict)
    """Offsets (V, 3) of vertices where the lids follow the eye fully: look_up, look_down, blink; those it knows."""

    @property
    def centre(self) -> Floats:
        """Mean of the landmarks (3,), from where gaze is measured."""
        centre: Floats = self.vertices[self.landmarks].mean(axis=0)
        return centre


def read_ict_heads(folder: str | Path, *, scale: float = 1.0, rng: np.random.Generator, count: int) -> list[Head]:
    """Read heads of the ICT-FaceKit (repacked as NumPy files) and draw identities.

    Args:
        folder: with ``ict_neutral.npz``, ``ict_eye_shapes.npz`` and ``ict_identity_*.npz``.
        scale: standard deviation of the identity's coefficients.
        rng: draws them.
        count: how many heads.

    Raises:
        InputError: if a file is missing or holds other arrays.
    """
    folder = Path(folder)
    try:
        neutral = dict(np.load(folder / "ict_neutral.npz"))
        shapes = dict(np.load(folder / "ict_eye_shapes.npz"))
        identities = [np.load(path)["deltas"] for path in sorted(folder.glob("ict_identity_*.npz"))]
        rest = _ict_head(neutral, dict(zip(shapes["names"].tolist(), shapes["deltas"], strict=True)))
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{folder}: no ICT-FaceKit heads as NumPy files ({error})") from error
    if not identities:
        raise InputError(f"{folder}: no ict_identity_*.npz; identities are drawn from them")
    deltas = np.concatenate(identities).astype(np.float32)
    return [_with_identity(rest, deltas, rng.normal(0, scale, len(deltas))) for _ in range(count)]


# Vertices of the kit's face at `head_pose.LANDMARKS`.
_ICT_LANDMARKS = (1507, 1528, 3742, 3721, 5708, 6213)
_ICT_EYES = (slice(23021, 24591), slice(21451, 23021))
# centimetres with y up and z out of the face -> millimetres in the frame of `Head`
_ICT_TO_HEAD = np.array([10, -10, -10])


def _ict_head(neutral: Mapping[str, NDArray[np.generic]], shapes: Mapping[str, Floats]) -> Head:
    vertices = neutral["vertices"].astype(np.float64) * _ICT_TO_HEAD
    names = neutral["material_names"].tolist()
    quads, kind = neutral["faces"], neutral["material"]
    parts = {"M_Face": SKIN, "M_BackHead": HAIR, "M_ScleraLeft": EYEBALL, "M_ScleraRight": EYEBALL}
    kept, material = [], []
    for name, part in parts.items():
        some = quads[kind == names.index(name)]
        kept += [some[:, [0, 1, 2]], some[:, [0, 2, 3]]]
        material += [np.full(2 * len(some), part)]
    triangles = np.concatenate(kept).astype(int)
    head = Head(
        vertices,
        triangles,
        np.concatenate(material),
        tuple(_eye(vertices, part) for part in _ICT_EYES),  # type: ignore[arg-type]
        np.array(_ICT_LANDMARKS),
        {
            "look_up": _offsets(shapes, "eyeLookUp"),
            "look_down": _offsets(shapes, "eyeLookDown"),
            "blink": _offsets(shapes, "eyeBlink"),
        },
    )
    return replace(head, material=_painted(head))


def _eye(vertices: Floats, part: slice) -> Eye:
    ball = vertices[part]
    low, high = ball.min(axis=0), ball.max(axis=0)
    # the cornea bulges out in front, so the width tells the radius
    radius = (high[0] - low[0]) / 2
    return Eye(np.arange(part.start, part.stop), np.array([*(low + high)[:2] / 2, high[2] - radius]))


def _offsets(shapes: Mapping[str, Floats], name: str) -> Floats:
    both: Floats = (shapes[f"{name}_L"].astype(np.float32) + shapes[f"{name}_R"].astype(np.float32)) * _ICT_TO_HEAD
    for part in _ICT_EYES:  # the balls are turned, not bent
        both[part] = 0
    return both


def _painted(head: Head) -> Ints:
    """Return the materials with lips, brows and a hairline, which the mesh leaves to textures."""
    middle = head.vertices[head.triangles].mean(axis=1)
    material = head.material.copy()
    corners = head.vertices[head.landmarks]
    mouth, eyes = corners[4:].mean(axis=0), corners[:4].mean(axis=0)
    half = abs(corners[5, 0] - corners[4, 0]) / 2
    skin = material == SKIN
    x, y = (middle[:, 0] - mouth[0]) / half, (middle[:, 1] - mouth[1]) / half
    material[skin & (np.abs(x) < 1) & (np.abs(y) < 0.32 * (1 - x**2))] = LIPS
    span = np.abs(corners[3, 0] - corners[0, 0]) / 2
    x, y = np.abs(middle[:, 0] - eyes[0]) / span, (middle[:, 1] - eyes[1]) / span
    arch = -0.47 - 0.12 * np.sin(np.clip((x - 0.25) / 1.0, 0, 1) * np.pi)
    front = middle[:, 2] < eyes[2] + 15
    material[skin & front & (x > 0.25) & (x < 1.25) & (np.abs(y - arch) < 0.07)] = BROWS
    low = eyes[1] - 1.5 * span
    material[(material == HAIR) & (middle[:, 1] > low) & (middle[:, 2] < eyes[2] + 90)] = SKIN
    material[(material == SKIN) & (middle[:, 1] < low - 10)] = HAIR
    return material


def _with_identity(head: Head, deltas: Floats, coefficients: Floats) -> Head:
    moved = head.vertices + np.tensordot(coefficients, deltas, 1) * _ICT_TO_HEAD
    right, left = (_eye(moved, part) for part in _ICT_EYES)
    return replace(head, vertices=moved, eyes=(right, left))


def procedural_head(rings: int = 24) -> Head:
    """Return a head of plain bodies: an ellipsoid and two eyeballs that stand out of it; for tests and the demo.

    Args:
        rings: how finely it is cut; it has about 8 rings**2 triangles.
    """
    skull, sides = _ball(rings)
    ball, ball_sides = _ball(max(6, rings // 2))
    skull = skull * [75, 105, 95] + [0, 0, 95]
    radius, centres = 14.0, np.array([[-31.0, -20.0, 16.0], [31.0, -20.0, 16.0]])
    vertices = np.concatenate([skull, *(ball * radius + centre for centre in centres)])
    first = len(skull), len(skull) + len(ball)
    triangles = np.concatenate([sides, *(ball_sides + start for start in first)])
    material = np.repeat([SKIN, EYEBALL], [len(sides), 2 * len(ball_sides)])
    right, left = (
        Eye(np.arange(start, start + len(ball)), centre, iris=0.5) for start, centre in zip(first, centres, strict=True)
    )
    where = np.array([[-45, -20], [-17, -20], [17, -20], [45, -20], [-24, 38], [24, 38]])
    front = np.flatnonzero(skull[:, 2] < 95)
    nearest = [front[np.square(skull[front, :2] - each).sum(axis=1).argmin()] for each in where]
    head = Head(vertices, triangles, material, (right, left), np.array(nearest))
    return replace(head, material=_painted(head))


def _ball(rings: int) -> tuple[Floats, Ints]:
    """Return the vertices and triangles of a sphere of radius 1, whose poles lie on the z axis."""
    polar = np.linspace(0, np.pi, rings + 1)
    around = np.linspace(0, 2 * np.pi, 2 * rings, endpoint=False)
    p, a = (grid.ravel() for grid in np.meshgrid(polar, around, indexing="ij"))
    vertices = np.stack([np.sin(p) * np.cos(a), np.sin(p) * np.sin(a), -np.cos(p)], axis=1)
    index = np.arange(len(vertices)).reshape(rings + 1, -1)
    here, across = index, np.roll(index, -1, axis=1)
    quads = np.stack([here[:-1], across[:-1], across[1:], here[1:]], axis=-1).reshape(-1, 4)
    return vertices, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
