"""A head, where it is and what it looks at -> its image, with eyes, lids, light and glasses."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .glasses import glasses_mesh
from .head_mesh import BROWS, EYEBALL, HAIR, LIPS, SKIN, Eye, Head
from .rasterizer import Visible, rasterize

__all__ = ["Look", "Pose", "render_face"]

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

GLASSES, LENS = 5, 6


@dataclass(frozen=True)
class Pose:
    """Where a head is and what it looks at, in the camera's frame: x right, y down, z forward, in mm."""

    rotation: Floats
    """(3, 3): of the head; the identity faces the camera."""
    centre: Floats
    """(3,): the head's centre."""
    target: Floats
    """(3,): the point that both eyes look at."""

    @property
    def gaze(self) -> Floats:
        """Unit vector (3,) from the head's centre to the target."""
        direction = self.target - self.centre
        gaze: Floats = direction / np.linalg.norm(direction)
        return gaze


@dataclass(frozen=True)
class Look:
    """Colours, light and accessories. Colours are RGB in [0, 1]."""

    skin: tuple[float, float, float] = (0.75, 0.56, 0.46)
    hair: tuple[float, float, float] = (0.12, 0.09, 0.07)
    iris: tuple[float, float, float] = (0.30, 0.22, 0.14)
    pupil: float = 0.4
    """Radius of the pupil over that of the iris."""
    lights: Floats = field(default_factory=lambda: np.array([[-0.3, -0.6, -1.0]]))
    """(L, 3): directions towards the lights."""
    strengths: Floats = field(default_factory=lambda: np.array([0.8]))
    """(L,)."""
    ambient: float = 0.3
    lids: float = 0.0
    """How far the lids are closed beyond what the direction of gaze does: 0 open, 1 shut."""
    glasses: bool = False
    glare: float = 0.0
    """Share of the lens' colour that is a reflection."""


def render_face(
    head: Head, pose: Pose, look: Look, camera: Floats, size: tuple[int, int]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Render a face.

    Args:
        head: the head.
        pose: where it is and what it looks at.
        look: colours, light and accessories.
        camera: (3, 3), the camera matrix.
        size: width and height in pixels.

    Returns:
        The image (H, W, 3), RGB in [0, 1], and where the face is (H, W).
    """
    looking = [_turn(eye, pose, head.centre) for eye in head.eyes]
    vertices = _posed(head, looking, look.lids)
    triangles, material = head.triangles, head.material
    if look.glasses:
        points, sides, kinds = glasses_mesh(head, GLASSES, LENS)
        triangles = np.concatenate([triangles, sides + len(vertices)])
        material, vertices = np.concatenate([material, kinds]), np.concatenate([vertices, points])
    placed = (vertices - head.centre) @ pose.rotation.T + pose.centre
    solid = material != LENS
    seen = rasterize(placed, triangles[solid], camera, size)
    image = _shaded(head, looking, pose, look, placed, triangles[solid], material[solid], seen)
    face = seen.triangle >= 0
    if look.glasses:
        lens = rasterize(placed, triangles[~solid], camera, size)
        through = lens.depth < seen.depth
        image[through] = (1 - look.glare) * 0.9 * image[through] + look.glare
    return image, face


def _turn(eye: Eye, pose: Pose, centre: Floats) -> Floats:
    """Return the rotation (3, 3) of an eyeball, in the head's frame, that makes it look at the target."""
    target = (pose.target - pose.centre) @ pose.rotation + centre
    axis = -(target - eye.centre) / np.linalg.norm(target - eye.centre)  # at rest it is z, away from the camera
    # Listing: the ball turns about an axis that is perpendicular to both directions
    across = np.array([-axis[1], axis[0], 0])
    sine, cosine = np.linalg.norm(across), axis[2]
    if sine < 1e-12:
        return np.eye(3)
    x, y, z = across / sine
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation: Floats = np.eye(3) + sine * skew + (1 - cosine) * skew @ skew
    return rotation


# Angle at which the lids have followed the eye as far as the shapes of a head say, in radians.
LIDS_FOLLOW = 0.52


def _posed(head: Head, looking: list[Floats], closed: float) -> Floats:
    """Return the vertices with turned eyeballs and lids that follow them."""
    vertices = head.vertices.copy()
    pitch = float(np.mean([np.arcsin(np.clip(-turn[1, 2], -1, 1)) for turn in looking]))
    down = np.clip(pitch / LIDS_FOLLOW, -1, 1)
    for name, share in (("look_down", max(down, 0)), ("look_up", max(-down, 0)), ("blink", closed)):
        if name in head.lids and share:
            vertices += share * head.lids[name]
    for eye, turn in zip(head.eyes, looking, strict=True):
        vertices[eye.vertices] = (head.vertices[eye.vertices] - eye.centre) @ turn.T + eye.centre
    return vertices


def _shaded(
    head: Head,
    looking: list[Floats],
    pose: Pose,
    look: Look,
    placed: Floats,
    triangles: Ints,
    material: Ints,
    seen: Visible,
) -> Floats:
    shown = seen.triangle >= 0
    kind = np.where(shown, material[seen.triangle], -1)
    normals = _unit(seen.interpolate(_normals(placed, triangles), triangles))
    colour = np.zeros((*shown.shape, 3))
    plain = {SKIN: look.skin, HAIR: look.hair, LIPS: tuple(0.8 * np.array(look.skin) * [1.0, 0.7, 0.75])}
    for part, value in {**plain, BROWS: look.hair, GLASSES: (0.08, 0.08, 0.09)}.items():
        colour[kind == part] = value
    ball = kind == EYEBALL
    places = seen.interpolate(placed, triangles)
    colour[ball] = _eye_colours(head, looking, pose, look, places[ball])
    light = np.full(shown.shape, look.ambient)
    shine = np.zeros(shown.shape)
    towards = _unit(-places)
    for direction, strength in zip(_unit(look.lights), look.strengths, strict=True):
        cosine = normals @ direction
        # skin scatters light round the edge of its shadow
        wrap = np.where(ball, 0.4, 0.2)
        light += strength * ((cosine + wrap) / (1 + wrap)).clip(0)
        half = _unit(towards + direction)
        sharp = np.where(ball, 200.0, 12.0)
        shine += strength * np.where(ball, 0.9, 0.06) * (normals * half).sum(-1).clip(0) ** sharp
    image: Floats = np.where(shown[..., None], colour * light[..., None] + shine[..., None], 0)
    return image.clip(0, 1)


def _eye_colours(head: Head, looking: list[Floats], pose: Pose, look: Look, places: Floats) -> Floats:
    """Return the colours (N, 3) of points on eyeballs, by their angle to the axis of the eye."""
    local = (places - pose.centre) @ pose.rotation + head.centre
    offsets = [local - eye.centre for eye in head.eyes]
    nearer = np.argmin([np.square(offset).sum(axis=1) for offset in offsets], axis=0)
    colours = np.empty((len(places), 3))
    for number, (eye, turn) in enumerate(zip(head.eyes, looking, strict=True)):
        mine = nearer == number
        angle = np.arccos((-_unit(offsets[number][mine]) @ turn[:, 2]).clip(-1, 1)) / eye.iris
        # sclera, the dark rim of the iris, its lighter inside, the pupil; soft between them
        edges = np.array([look.pupil - 0.03, look.pupil + 0.03, 0.85, 0.95, 1.03])
        pupil, iris = np.full(3, 0.02), np.array(look.iris)
        levels = np.array([pupil, iris, iris, 0.45 * iris, np.array([0.88, 0.86, 0.84])])
        colours[mine] = np.stack([np.interp(angle, edges, level) for level in levels.T], axis=1)
    return colours


def _normals(vertices: Floats, triangles: Ints) -> Floats:
    """Return unit normals (V, 3) of vertices, those of their triangles weighted by area."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    flat = np.cross(b - a, c - a)
    normals = np.stack(
        [
            sum(np.bincount(triangles[:, corner], flat[:, axis], len(vertices)) for corner in range(3))
            for axis in range(3)
        ],
        axis=1,
    )
    return _unit(normals)


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return unit
