"""Volumes: how they turn and what is refused."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from visioncore.errors import InputError
from visioncore.medical import Volume
from visioncore.medical.orientation import axial_code

CODES = ["".join(ends) for axes in permutations(("LR", "PA", "IS")) for ends in product(*axes)]
"""All 48 orientations."""


def turned_affine(angles: tuple[float, float, float], steps: tuple[float, float, float] = (0.7, 0.9, 5)) -> np.ndarray:
    affine = np.eye(4)
    for axis, angle in enumerate(np.radians(angles)):
        turn = np.eye(4)
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turn[i, i], turn[i, j], turn[j, i], turn[j, j] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        affine = affine @ turn
    affine[:3, 3] = 11.3, -250.7, 1e3 / 3
    return affine @ np.diag([*steps, 1])


def sheared(sine: float) -> np.ndarray:
    """Columns and rows at an angle of this sine."""
    return np.array([[1.0, 1, 0, 0], [0, sine, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def make_volume(affine: np.ndarray, shape: tuple[int, ...] = (3, 4, 5)) -> Volume:
    return Volume(np.random.default_rng(0).normal(size=shape), affine, located=True)


def places(volume: Volume) -> dict[tuple[float, ...], float]:
    """Return which value lies where in mm."""
    indices = np.indices(volume.voxels.shape[:3])[::-1].reshape(3, -1)
    points = volume.affine[:3, :3] @ indices + volume.affine[:3, 3:]
    values = volume.voxels.reshape(points.shape[1], -1)[:, 0]
    return {tuple(np.round(point, 6) + 0.0): value for point, value in zip(points.T, values, strict=True)}


# how volumes turn


@pytest.mark.parametrize("angles", [(0, 0, 0), (10, -20, 30), (-35, 15, 40)])
@pytest.mark.parametrize("code", CODES)
def test_turning_moves_no_voxel_and_can_be_undone(code: str, angles: tuple[float, float, float]) -> None:
    volume = make_volume(turned_affine(angles))
    turned = volume.oriented(code)
    assert turned.orientation == code
    assert places(turned) == places(volume)
    assert turned.voxels.flags.c_contiguous
    back = turned.oriented(volume.orientation)
    np.testing.assert_array_equal(back.voxels, volume.voxels)
    np.testing.assert_allclose(back.affine, volume.affine, rtol=0, atol=1e-10)
    assert back.spacing == pytest.approx(volume.spacing)
    assert turned.voxel_ml == pytest.approx(volume.voxel_ml)


@pytest.mark.parametrize("angles", [(0, 0, 45), (45, 0, 0), (0, -45, 0), (45, 45, 0), (0, 0, 135)])
def test_halfway_between_two_axes_a_volume_still_turns_and_returns(angles: tuple[float, float, float]) -> None:
    volume = make_volume(turned_affine(angles))
    for code in CODES:
        turned = volume.oriented(code)
        assert turned.orientation == code
        back = turned.oriented(volume.orientation)
        np.testing.assert_array_equal(back.voxels, volume.voxels)
        np.testing.assert_allclose(back.affine, volume.affine, rtol=0, atol=1e-10)


def test_exactly_halfway_a_volume_still_turns_and_returns() -> None:
    volume = make_volume(np.array([[1.0, -1, 0, 0], [1, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]]))
    for code in CODES:
        turned = volume.oriented(code)
        assert turned.orientation == code
        np.testing.assert_array_equal(turned.oriented(volume.orientation).voxels, volume.voxels)


def test_axial_slices_of_a_nifti_become_what_radiologists_look_at() -> None:
    volume = make_volume(np.diag([0.7, 0.7, 5, 1]))
    assert volume.orientation == "RAS"
    turned = volume.oriented("LPS")
    np.testing.assert_array_equal(turned.voxels, volume.voxels[:, ::-1, ::-1])
    np.testing.assert_allclose(turned.affine @ [4, 3, 0, 1], volume.affine @ [0, 0, 0, 1])


def test_colours_stay_last() -> None:
    volume = make_volume(turned_affine((0, 0, 0)), (3, 4, 5, 3))
    turned = volume.oriented("SLP")
    assert turned.voxels.shape == (4, 5, 3, 3)
    assert places(turned) == places(volume)
    np.testing.assert_array_equal(turned.voxels[..., 2], volume.voxels[:, ::-1, ::-1, 2].transpose(1, 2, 0))


def test_spacing_and_content_follow_the_affine() -> None:
    volume = make_volume(turned_affine((10, -20, 30)))
    assert volume.spacing == pytest.approx((5, 0.9, 0.7))
    assert volume.voxel_ml == pytest.approx(0.7 * 0.9 * 5 / 1000)


def test_the_orientation_it_was_read_in_is_kept() -> None:
    volume = make_volume(np.eye(4))
    assert volume.stored == "stored"
    assert volume.oriented("LPS").stored == "RAS"
    assert volume.oriented("LPS").oriented("SLP").stored == "RAS"


def test_a_volume_without_place_is_left_as_it_is() -> None:
    volume = Volume(np.zeros((2, 3, 4)))
    assert volume.oriented("LPS") is volume
    assert volume.voxel_ml is None
    located = make_volume(np.eye(4))
    assert located.oriented("stored") is located
    assert located.oriented("RAS") is located


@pytest.mark.parametrize("code", ["LPX", "LP", "LRS", "lps", "", "LPSS"])
def test_what_is_no_orientation_is_refused(code: str) -> None:
    with pytest.raises(InputError, match="orientation is"):
        make_volume(np.eye(4)).oriented(code)


def test_other_values_keep_the_place() -> None:
    volume = make_volume(turned_affine((10, 0, 0)))
    labels = volume.with_voxels(np.ones((3, 4, 5), np.uint8))
    np.testing.assert_array_equal(labels.affine, volume.affine)
    np.testing.assert_array_equal(labels.voxels, 1)
    coloured = make_volume(np.eye(4), (3, 4, 5, 3))
    assert coloured.with_voxels(np.ones((3, 4, 5), np.uint8)).voxels.shape == (3, 4, 5)
    with pytest.raises(InputError, match=r"\(3, 4, 4\)"):
        volume.with_voxels(np.ones((3, 4, 4)))


@pytest.mark.parametrize(
    ("voxels", "affine", "complaint"),
    [
        (np.zeros((3, 4)), np.eye(4), "slices, rows, columns"),
        (np.zeros((3, 4, 5, 2)), np.eye(4), "slices, rows, columns"),
        (np.zeros((3, 0, 5)), np.eye(4), "without voxels"),
        (np.zeros((3, 4, 5), complex), np.eye(4), "real numbers"),
        (np.zeros((3, 4, 5)), np.zeros((4, 4)), "singular"),
        (np.zeros((3, 4, 5)), np.diag([1.0, 1, 0, 1]), "singular"),
        (np.zeros((3, 4, 5)), sheared(4e-4), "singular"),
        (np.zeros((3, 4, 5)), np.diag([1.0, 1, np.inf, 1]), "finite"),
        (np.zeros((3, 4, 5)), np.eye(3), r"\(4, 4\)"),
    ],
)
def test_what_is_no_volume_is_refused(voxels: np.ndarray, affine: np.ndarray, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Volume(voxels, affine, located=True)


@pytest.mark.parametrize(
    "affine", [turned_affine((10, -20, 30), (1e-3, 1, 1e3)), sheared(4e-3), np.diag([1e-4, 1e-4, 1e-4, 1])]
)
def test_uneven_steps_and_sheared_axes_make_a_volume(affine: np.ndarray) -> None:
    assert make_volume(affine).spacing == pytest.approx(np.linalg.norm(affine[:3, :3], axis=0)[::-1])


@pytest.mark.parametrize(("code", "axial"), [("ASR", "ARS"), ("LPS", "LPS"), ("IPL", "PLI")])
def test_axial_slices_are_the_slices(code: str, axial: str) -> None:
    assert axial_code(code) == axial


def test_the_source_is_named() -> None:
    with pytest.raises(InputError, match=r"^scan.nii: a volume must be"):
        Volume(np.zeros((3, 4)), source=Path("scan.nii"))
    with pytest.raises(InputError, match=r"^a volume must be"):
        Volume(np.zeros((3, 4)))


@pytest.mark.parametrize("colours", [(), (3,)])
def test_voxels_that_are_not_finite_are_counted_and_the_first_is_located(colours: tuple[int, ...]) -> None:
    voxels = np.zeros((3, 4, 5, *colours), np.float32)
    Volume(voxels).check_finite()
    Volume(voxels.astype(np.int16)).check_finite()
    voxels[1, 2, 3], voxels[2, 0, 0] = np.nan, np.inf
    count = 2 * voxels[0, 0, 0].size
    told = f"{count} of {voxels.size} voxels are not finite numbers, the first in slice 1, row 2, column 3;"
    for source, name in ((None, "the volume"), (Path("scan.nii"), "scan.nii")):
        with pytest.raises(InputError, match=f"^{name}: {told}"):
            Volume(voxels, source=source).check_finite()
