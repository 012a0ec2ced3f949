"""Heads to render, and glasses on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gazedptr_gaze.data.glasses import THICKNESS, glasses_mesh
from gazedptr_gaze.data.head_mesh import BROWS, EYEBALL, HAIR, LIPS, SKIN, procedural_head, read_ict_heads
from gazedptr_gaze.data.head_pose import LANDMARKS
from visioncore.errors import InputError

EYE_STARTS = (23021, 21451)
VERTICES = 24591


def volume(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """Return the volume of a closed body whose triangles run counterclockwise as seen from outside, with y down."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def test_the_procedural_head_is_closed_and_faces_outwards() -> None:
    head = procedural_head()
    sizes = {"skull": 4 / 3 * np.pi * 75 * 105 * 95, "eye": 4 / 3 * np.pi * 14**3}
    starts = [0, *(eye.vertices[0] for eye in head.eyes), len(head.vertices)]
    for first, last, size in zip(starts, starts[1:], [sizes["skull"], sizes["eye"], sizes["eye"]], strict=False):
        part = head.triangles[((head.triangles >= first) & (head.triangles < last)).all(axis=1)]
        assert volume(head.vertices, part) == pytest.approx(size, rel=0.06)
    assert len(head.material) == len(head.triangles)


def test_where_the_parts_of_the_procedural_head_are() -> None:
    head = procedural_head()
    corners = head.vertices[head.landmarks]
    assert len(corners) == len(LANDMARKS) == 6
    np.testing.assert_allclose(head.centre, corners.mean(axis=0))
    assert (np.diff(corners[:4, 0]) > 10).all()  # from the person's right, which is left in the image
    assert corners[4, 0] < 0 < corners[5, 0]
    assert corners[4:, 1].min() > corners[:4, 1].max() + 30
    middle = head.vertices[head.triangles].mean(axis=1)
    for eye, side in zip(head.eyes, (-1, 1), strict=True):
        ball = head.vertices[eye.vertices]
        np.testing.assert_allclose(np.linalg.norm(ball - eye.centre, axis=1), 14)
        assert eye.centre[0] * side > 0
        outer, inner = corners[[0, 1]] if side < 0 else corners[[3, 2]]
        assert abs(outer[0]) > abs(eye.centre[0]) > abs(inner[0])
    eyes, mouth = corners[:4].mean(axis=0), corners[4:].mean(axis=0)
    assert abs(middle[head.material == LIPS, 1] - mouth[1]).max() < 15
    assert (middle[head.material == BROWS, 1] < eyes[1]).all()
    assert (middle[head.material == HAIR, 1] < eyes[1] - 30).all()
    assert {SKIN, HAIR, LIPS, BROWS, EYEBALL} == set(head.material)


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """A folder in the layout of the repacked ICT-FaceKit with a face of few quads, two eyeballs and two identities."""
    rng = np.random.default_rng(0)
    vertices = rng.normal(0, 0.1, (VERTICES, 3))
    corners = {1507: (-4.5, 2.0, 5), 1528: (-1.6, 2, 5.4), 3742: (1.6, 2, 5.4), 3721: (4.5, 2, 5)}
    for vertex, place in (corners | {5708: (-2.5, -4, 5.5), 6213: (2.5, -4, 5.5)}).items():
        vertices[vertex] = place
    for start, x in zip(EYE_STARTS, (-3.1, 3.1), strict=True):
        ball = rng.normal(size=(1570, 3))
        ball *= 1.2 / np.linalg.norm(ball, axis=1, keepdims=True)
        ball[:2, 0], ball[:2, 1:] = (-1.2, 1.2), 0  # as wide as the ball
        ball[2:4, 1], ball[2:4, ::2] = (-1.2, 1.2), 0
        ball[4] = 0, 0, -1.2  # the back: in front the cornea may bulge out
        vertices[start : start + 1570] = ball + np.array([x, 2, 3.8])
    faces = np.array([[1507, 1528, 5708, 0], [3742, 3721, 6213, 1], [EYE_STARTS[0] + k for k in (0, 2, 1, 3)], [0] * 4])
    names = np.array(["M_Face", "M_BackHead", "M_ScleraRight", "M_Teeth", "M_ScleraLeft"])
    np.savez(
        tmp_path / "ict_neutral.npz",
        vertices=vertices,
        faces=faces,
        material=np.array([0, 0, 2, 3]),
        material_names=names,
    )
    shapes = [f"eye{what}_{side}" for what in ("LookUp", "LookDown", "Blink") for side in "LR"]
    deltas = np.stack([np.full((VERTICES, 3), 0.01 * (k + 1)) for k in range(6)]).astype(np.float16)
    np.savez(tmp_path / "ict_eye_shapes.npz", names=np.array(shapes), deltas=deltas)
    for number in range(2):
        np.savez(tmp_path / f"ict_identity_{number}.npz", deltas=np.full((1, VERTICES, 3), 0.5 * (number + 1)))
    return tmp_path


def test_heads_of_the_kit(kit: Path) -> None:
    (rest,) = read_ict_heads(kit, scale=0, rng=np.random.default_rng(5), count=1)
    np.testing.assert_allclose(rest.vertices[rest.landmarks[0]], [-45, -20, -50])
    for eye, x in zip(rest.eyes, (-31, 31), strict=True):
        np.testing.assert_allclose(eye.centre, [x, -20, -38], atol=1e-6)
        assert len(eye.vertices) == 1570
        assert 24 * np.sin(eye.iris) == pytest.approx(11.7)  # diameters of eyeball and iris in mm
    # two triangles of each quad, the teeth left out
    assert rest.triangles.tolist()[:2] == [[1507, 1528, 5708], [3742, 3721, 6213]]
    assert rest.triangles.tolist()[2:4] == [[1507, 5708, 0], [3742, 6213, 1]]
    assert rest.material.tolist()[4:] == [EYEBALL, EYEBALL]
    assert len(rest.triangles) == 6
    up, blink = rest.lids["look_up"], rest.lids["blink"]
    np.testing.assert_allclose(up[0], np.array([0.3, -0.3, -0.3]), rtol=1e-2)
    np.testing.assert_allclose(blink[0], np.array([1.1, -1.1, -1.1]), rtol=1e-2)
    assert not any(offsets[rest.eyes[0].vertices].any() for offsets in rest.lids.values())
    coefficients = np.random.default_rng(5).normal(0, 1, (3, 2))
    heads = read_ict_heads(kit, rng=np.random.default_rng(5), count=3)
    for head, (first, second) in zip(heads, coefficients, strict=True):
        moved = (0.5 * first + second) * np.array([10, -10, -10])
        np.testing.assert_allclose(head.vertices - rest.vertices, np.broadcast_to(moved, (VERTICES, 3)), atol=1e-5)
        np.testing.assert_allclose(head.eyes[0].centre - rest.eyes[0].centre, moved, atol=1e-5)


def test_folders_that_hold_no_heads(kit: Path) -> None:
    def refused() -> str:
        with pytest.raises(InputError) as caught:
            read_ict_heads(kit, rng=np.random.default_rng(0), count=1)
        assert str(kit) in str(caught.value)
        return str(caught.value)

    for path in kit.glob("ict_identity_*.npz"):
        path.unlink()
    assert "identities are drawn from them" in refused()
    np.savez(kit / "ict_eye_shapes.npz", names=np.array(["a"]), deltas=np.zeros((1, VERTICES, 3)))
    assert "no ICT-FaceKit heads" in refused()
    (kit / "ict_neutral.npz").unlink()
    assert "ict_neutral.npz" in refused()


def test_glasses() -> None:
    head = procedural_head()
    vertices, triangles, material = glasses_mesh(head, 7, 8)
    assert set(material) == {7, 8}
    assert len(material) == len(triangles)
    assert triangles.min() == 0
    assert triangles.max() == len(vertices) - 1
    corners = head.vertices[head.landmarks[:4]]
    lenses = vertices[np.unique(triangles[material == 8])]
    # before the face, about the eyes, the same left and right
    assert (lenses[:, 2] < corners[:, 2].min()).all()
    for side, pair in ((-1, corners[:2]), (1, corners[2:])):
        mine = lenses[side * lenses[:, 0] > 0]
        np.testing.assert_allclose((mine.min(axis=0) + mine.max(axis=0))[:2] / 2, pair.mean(axis=0)[:2], atol=1e-9)
        assert mine[:, 0].min() < pair[:, 0].min()
        assert mine[:, 0].max() > pair[:, 0].max()
    frame = vertices[np.unique(triangles[material == 7])]
    assert frame[:, 2].max() > corners[:, 2].max() + 60  # the temples reach to the ears
    assert np.ptp(frame[:, 0]) == pytest.approx(np.ptp(lenses[:, 0]) + 32, abs=4 * THICKNESS)
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    assert np.linalg.norm(np.cross(b - a, c - a), axis=1).min() > 0.1
    # every tube is seen from outside: each edge of its triangles is there twice, once in either direction
    for kind in (7, 8):
        sides = triangles[material == kind]
        edges = {tuple(edge) for k in range(3) for edge in np.stack([sides[:, k], sides[:, (k + 1) % 3]], 1).tolist()}
        assert edges == {(b, a) for a, b in edges}
