"""Glasses for a head: two rims, a bridge, temples, and lenses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .head_mesh import Head

__all__ = ["glasses_mesh"]

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

RIM = (24.0, 19.0)
"""Half width and half height of a rim, in mm."""
THICKNESS = 1.4
AHEAD = 13.0
"""How far the lenses are ahead of the inner corners of the eyes, in mm."""


def glasses_mesh(head: Head, frame: int, lens: int) -> tuple[Floats, Ints, Ints]:
    """Return glasses that sit on a head.

    Args:
        head: the head, in whose frame they are.
        frame: material of rims, bridge and temples.
        lens: material of the lenses.

    Returns:
        Vertices (V, 3), triangles (T, 3) and their materials (T,).
    """
    corners = head.vertices[head.landmarks[:4]]
    z = corners[1:3, 2].mean() - AHEAD
    centres = [np.array([*corners[2 * side : 2 * side + 2, :2].mean(axis=0), z]) for side in range(2)]
    turn = np.linspace(0, 2 * np.pi, 33)
    oval = np.stack([RIM[0] * np.cos(turn), RIM[1] * np.sin(turn), np.zeros_like(turn)], axis=1)
    inner = RIM[0] * np.array([1, 0, 0])
    lines = [oval + centre for centre in centres]
    lines.append(np.stack([centres[0] + inner, centres[1] - inner]))
    for centre, outwards in zip(centres, (-1, 1), strict=True):
        hinge = centre + outwards * inner
        bend = np.array([[0, 0, 0], [outwards * 14, 0, 12], [outwards * 16, 0, 95]])
        lines.append(hinge + bend)
    parts = [(*_tube(line), frame) for line in lines]
    parts += [(*_disc(oval[:-1] + centre), lens) for centre in centres]
    starts = np.cumsum([0, *(len(points) for points, _, _ in parts)])
    return (
        np.concatenate([points for points, _, _ in parts]),
        np.concatenate([sides + start for (_, sides, _), start in zip(parts, starts, strict=False)]),
        np.concatenate([np.full(len(sides), material) for _, sides, material in parts]),
    )


def _tube(line: Floats) -> tuple[Floats, Ints]:
    """Return a square tube along a line (N, 3), seen from all sides."""
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    up = np.cross(along, [0.0, 0.0, 1.0])
    flat = np.linalg.norm(up, axis=1, keepdims=True) < 1e-6
    up = np.where(flat, [0.0, 1.0, 0.0], up / np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-6))
    side = np.cross(along, up)
    ring = np.stack([line + THICKNESS * (a * up + b * side) for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))], axis=1)
    index = np.arange(ring.shape[0] * 4).reshape(-1, 4)
    here, ahead = index[:-1], index[1:]
    beside, beside_ahead = np.roll(here, -1, axis=1), np.roll(ahead, -1, axis=1)
    quads = np.stack([here, beside, beside_ahead, ahead], axis=-1).reshape(-1, 4)
    sides = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return ring.reshape(-1, 3), np.concatenate([sides, sides[:, ::-1]])


def _disc(rim: Floats) -> tuple[Floats, Ints]:
    """Return the surface inside a closed line (N, 3), seen from both sides."""
    points = np.concatenate([rim, rim.mean(axis=0, keepdims=True)])
    index = np.arange(len(rim))
    fan = np.stack([index, np.roll(index, -1), np.full(len(rim), len(rim))], axis=1)
    return points, np.concatenate([fan, fan[:, ::-1]])
