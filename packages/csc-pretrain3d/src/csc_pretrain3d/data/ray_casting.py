"""Rays against boxes, ellipsoids, upright cylinders and the ground: what a ray meets first, and how far away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

BOX, ELLIPSOID, CYLINDER = range(3)
NOTHING, GROUND = -2, -1
"""Indices of a ray that meets nothing, and of one that meets the ground, the plane z = 0."""
Met = tuple[Floats, Floats, Callable[[Floats], Floats]]
"""Where rays enter and leave a body, and a function from places on it to the directions outwards."""

AT_ONCE = 2**16
"""Rays that are followed together; more would only take memory."""
_FAR = np.float32(np.inf)
_TINY = np.float32(1e-6)


@dataclass(frozen=True)
class Solids:
    """P bodies in metres, z upwards from the ground.

    Attributes:
        kind: (P,) `BOX`, `ELLIPSOID` or `CYLINDER` (upright, without lids).
        centre: (P, 3).
        half: (P, 3) half of the extents along the body's own axes.
        yaw: (P,) angle of the body's first axis to x, in radians.
        sparse: (P,) share of rays that pass through as if nothing were there; the others of such a body end somewhere
            inside it, as in leaves. 0 for what is solid.
    """

    kind: Ints
    centre: Floats
    half: Floats
    yaw: Floats
    sparse: Floats

    def __post_init__(self) -> None:
        for column in fields(self):
            if len(getattr(self, column.name)) != len(self.kind):
                raise ValueError(f"{column.name} has {len(getattr(self, column.name))} rows, kind {len(self.kind)}")


@dataclass(frozen=True)
class Hits:
    """The first bodies on the way of R rays.

    Attributes:
        distance: (R,) along the ray, in lengths of its direction; infinite where there is nothing.
        solid: (R,) index of the body, `GROUND` or `NOTHING`.
        normal: (R, 3) of the surface, unit length; zero where there is nothing.
        local: (R, 3) the point along the body's own axes, in metres from its centre; on the ground the point itself.
    """

    distance: Floats
    solid: Ints
    normal: Floats
    local: Floats


def cast(solids: Solids, origin: Floats, directions: Floats, rng: np.random.Generator) -> Hits:
    """Return the first bodies on the way of rays (R, 3) of unit length from one point (3,).

    Args:
        solids: the bodies.
        origin: where all rays begin, in metres, outside the bodies.
        directions: of the rays.
        rng: decides which rays pass through sparse bodies, and how deep the others come.
    """
    if len(directions) > AT_ONCE:
        parts = [
            cast(solids, origin, directions[start : start + AT_ONCE], rng)
            for start in range(0, len(directions), AT_ONCE)
        ]
        return Hits(*(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(Hits)))
    distance = np.full(len(directions), _FAR, np.float32)
    hit = np.full(len(directions), NOTHING, np.int64)
    normal = np.zeros((len(directions), 3), np.float32)
    local = np.zeros((len(directions), 3), np.float32)
    downwards = directions[:, 2] < -_TINY
    distance[downwards] = -origin[2] / directions[downwards, 2]
    hit[downwards], normal[downwards] = GROUND, (0, 0, 1)
    local[downwards] = origin + distance[downwards, None] * directions[downwards]
    for index, near in enumerate(_near(solids, origin, directions)):
        if not len(near):
            continue
        cosine, sine = np.cos(solids.yaw[index]), np.sin(solids.yaw[index])
        turn = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]], np.float32)
        start, ray = turn @ (origin - solids.centre[index]), directions[near] @ turn.T
        enter, leave, outward = _MEET[int(solids.kind[index])](start, ray, solids.half[index])
        met = (enter > _TINY) & (enter < leave)
        if solids.sparse[index]:
            met &= rng.random(len(near)) >= solids.sparse[index]
            depth = rng.random(len(near), dtype=np.float32) ** 2
            enter = np.where(met, enter + depth * 0.7 * (np.where(met, leave, 0) - np.where(met, enter, 0)), _FAR)
        met &= enter < distance[near]
        first, rows = near[met], np.flatnonzero(met)
        distance[first], hit[first] = enter[rows], index
        place = start + enter[rows, None] * ray[rows]
        normal[first], local[first] = outward(place) @ turn, place
    return Hits(distance, hit, normal, local)


def _near(solids: Solids, origin: Floats, directions: Floats) -> list[Ints]:
    """Return for each body the rays that come near enough: those that meet the sphere around it."""
    towards = solids.centre - origin
    away = np.linalg.norm(towards, axis=1)
    radius = np.linalg.norm(solids.half, axis=1)
    # the cosine of the angle under which the sphere is seen; from inside it, every ray meets it
    widest = np.sqrt(np.clip(1 - (radius / np.maximum(away, radius)) ** 2, 0, 1))
    widest = np.where(away <= radius, -2, widest) * np.maximum(away, _TINY)
    return [np.flatnonzero(column > least) for column, least in zip(towards @ directions.T, widest, strict=True)]


def _box(start: Floats, ray: Floats, half: Floats) -> Met:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inverse = 1 / np.where(np.abs(ray) < _TINY, _TINY, ray)
        one, other = (-half - start) * inverse, (half - start) * inverse
    enter, leave = np.minimum(one, other).max(axis=1), np.maximum(one, other).min(axis=1)

    def outward(place: Floats) -> Floats:
        axis = np.abs(np.abs(place) - half).argmin(axis=1)
        normal = np.zeros_like(place)
        rows = np.arange(len(place))
        normal[rows, axis] = np.sign(place[rows, axis])
        return normal

    return enter, leave, outward


def _round(start: Floats, ray: Floats, half: Floats) -> Met:
    enter, leave = _quadratic(start / half, ray / half)

    def outward(place: Floats) -> Floats:
        normal = place / half**2
        return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), _TINY)

    return enter, leave, outward


def _upright(start: Floats, ray: Floats, half: Floats) -> Met:
    enter, leave = _quadratic(start[:2] / half[:2], ray[:, :2] / half[:2])
    with np.errstate(invalid="ignore"):
        inside = np.abs(start[2] + enter * ray[:, 2]) <= half[2]
    return np.where(inside, enter, _FAR), leave, _sideways


def _sideways(place: Floats) -> Floats:
    normal = np.concatenate((place[:, :2], np.zeros_like(place[:, :1])), axis=1)
    return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), _TINY)


def _quadratic(start: Floats, ray: Floats) -> tuple[Floats, Floats]:
    """Return where rays enter and leave the unit ball (of two or three dimensions)."""
    a, b, c = (ray * ray).sum(axis=1), ray @ start, start @ start - 1
    root = b * b - a * c
    there = (root > 0) & (a > _TINY)
    safe = np.sqrt(np.where(there, root, 0))
    a = np.where(there, a, 1)
    return np.where(there, (-b - safe) / a, _FAR), np.where(there, (-b + safe) / a, -_FAR)


_MEET = {BOX: _box, ELLIPSOID: _round, CYLINDER: _upright}
