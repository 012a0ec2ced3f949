"""Rendered faces: where the eyes look, lids, light and glasses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gazedptr_gaze.data.face_renderer import Look, Pose, render_face
from gazedptr_gaze.data.head_mesh import Head, procedural_head
from gazedptr_gaze.data.rotations import to_matrices

SIDE = 260
CAMERA = np.array([[700.0, 0, 130], [0, 700, 130], [0, 0, 1]])
PLACE = np.array([10.0, -5, 500])
FLAT = Look(lights=np.zeros((0, 3)), strengths=np.zeros(0), ambient=1.0)
"""Light from everywhere, so that each pixel has its colour."""


@pytest.fixture(scope="module")
def head() -> Head:
    """A head of 1,200 triangles."""
    return procedural_head(12)


def pose(target: tuple[float, float, float], turn: tuple[float, float, float] = (0, 0, 0)) -> Pose:
    """Return a pose at `PLACE`, turned, that looks at a target."""
    return Pose(to_matrices(turn), PLACE, np.array(target, float))


@pytest.mark.parametrize(
    ("target", "turn"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((150, 0, 0), (0, 0, 0)),
        ((-150, 60, 100), (0.1, 0.2, 0.05)),
        ((20, -140, 0), (0, -0.35, 0)),
    ],
)
def test_pupils_lie_where_the_eyes_look(
    head: Head, target: tuple[float, float, float], turn: tuple[float, float, float]
) -> None:
    where = pose(target, turn)
    look = replace(FLAT, iris=(0.0, 1.0, 0.0), pupil=0.3)
    image, face = render_face(head, where, look, CAMERA, (SIDE, SIDE))
    assert image.shape == (SIDE, SIDE, 3)
    pupil = face & (image.max(axis=2) < 0.03)
    for eye in head.eyes:
        centre = (eye.centre - head.centre) @ where.rotation.T + where.centre
        to_target = (where.target - centre) / np.linalg.norm(where.target - centre)
        x, y, z = CAMERA @ (centre + 14 * to_target)
        near = np.hypot(*np.mgrid[:SIDE, :SIDE] - np.array([y / z, x / z])[:, None, None]) < 12
        rows, columns = np.nonzero(pupil & near)
        assert len(rows) > 10
        np.testing.assert_allclose([columns.mean(), rows.mean()], [x / z, y / z], atol=0.4)
        assert (np.isclose(image, [0, 1, 0], atol=1e-9).all(axis=2) & near).sum() > len(rows)
    np.testing.assert_allclose(where.gaze, (where.target - PLACE) / np.linalg.norm(where.target - PLACE))


def test_lids_follow_the_eye_and_close(head: Head) -> None:
    moved = {"look_down": 40.0, "look_up": -40.0, "blink": 70.0}
    # a lid that moves away in x shows how far it went
    first = head.eyes[0].vertices[0]
    lids = {name: np.zeros_like(head.vertices) for name in moved}
    for name, offset in moved.items():
        lids[name][:first, 0] = offset
    with_lids = replace(head, lids=lids)

    def shift(below: float, closed: float = 0.0) -> float:
        """Return how far the skull moved in pixels, of a head that looks at a point below its eyes."""
        level = float(PLACE[1] + (head.eyes[0].centre - head.centre)[1])
        look = replace(FLAT, lids=closed)
        faces = [
            render_face(each, pose((10, level + below, 0)), look, CAMERA, (SIDE, SIDE))[1] for each in (with_lids, head)
        ]
        moved, still = (np.nonzero(face[200])[0].mean() for face in faces)
        return float(moved - still)

    assert shift(200) > 20
    assert shift(0) == pytest.approx(0, abs=0.5)
    assert shift(-200) < -20
    assert shift(0, 0.5) > 20


def test_glasses_darken_what_is_behind_the_lenses(head: Head) -> None:
    where = pose((0, 0, 0))
    plain, face = render_face(head, where, FLAT, CAMERA, (SIDE, SIDE))
    worn, with_frame = render_face(head, where, replace(FLAT, glasses=True, glare=0.2), CAMERA, (SIDE, SIDE))
    clear, _ = render_face(head, where, replace(FLAT, glasses=True), CAMERA, (SIDE, SIDE))
    # also what is seen of it through a lens
    frame = np.any([np.isclose(clear, part * np.array([0.08, 0.08, 0.09])).all(axis=2) for part in (1, 0.9)], axis=0)
    assert frame.sum() > 300
    assert with_frame.sum() >= face.sum()
    lens = ~frame & (np.abs(worn - plain).max(axis=2) > 1e-9)
    for eye in head.eyes:
        x, y, z = CAMERA @ (eye.centre - head.centre + PLACE - [0, 0, 14])
        assert lens[round(y / z), round(x / z)]
    assert 0.02 < lens.mean() < 0.2
    np.testing.assert_allclose(worn[lens], 0.8 * 0.9 * plain[lens] + 0.2)
    np.testing.assert_allclose(clear[lens], 0.9 * plain[lens])


def test_light_comes_from_its_side(head: Head) -> None:
    where = pose((10, -5, 0))
    halves = {}
    for side in (-1.0, 1.0):
        look = Look(lights=np.array([[side, 0, -0.3]]), strengths=np.array([0.8]), ambient=0.1)
        image, face = render_face(head, where, look, CAMERA, (SIDE, SIDE))
        middle = round(CAMERA[0, 0] * PLACE[0] / PLACE[2] + CAMERA[0, 2])
        assert image.min() >= 0
        assert image.max() <= 1
        assert not image[~face].any()
        halves[side] = image[:, :middle].sum() / image[:, middle:].sum()
    assert halves[-1.0] > 2
    assert halves[1.0] < 0.5


def test_colours_are_those_of_the_look(head: Head) -> None:
    look = replace(FLAT, skin=(0.7, 0.5, 0.3), hair=(0.2, 0.1, 0.05))
    image, face = render_face(head, pose((0, 0, 0)), look, CAMERA, (SIDE, SIDE))
    assert np.isclose(image, look.skin, atol=1e-9).all(axis=2).mean() > 0.15
    assert np.isclose(image, look.hair, atol=1e-9).all(axis=2).mean() > 0.005
    assert np.isclose(image[face], [0.88, 0.86, 0.84], atol=1e-9).all(axis=1).any()
