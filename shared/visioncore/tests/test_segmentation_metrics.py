"""Dice, HD95 and surface Dice of organs: against plain definitions on whole volumes; what protocols make of them."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from visioncore.errors import InputError
from visioncore.metrics.segmentation import (
    PROTOCOLS,
    Protocol,
    dice,
    hd95,
    organ_metrics,
    surface,
    surface_dice,
    surface_distances,
)

Mask = NDArray[np.bool_]
Spacing = tuple[float, ...] | None
SPACINGS: list[Spacing] = [None, (1.0, 1.0, 1.0), (0.7, 0.7, 0.7), (2.5, 0.8, 0.7), (0.5, 3.0, 40.0)]


def plain_surface(mask: Mask) -> Mask:
    return mask ^ ndimage.binary_erosion(mask, ndimage.generate_binary_structure(mask.ndim, 1))


def plain_distances(prediction: Mask, reference: Mask, spacing: Spacing) -> NDArray[np.float64]:
    """The definition: erosions and distance transforms of the whole volume, both directions, sorted."""
    found, wanted = plain_surface(prediction), plain_surface(reference)
    there = ndimage.distance_transform_edt(~wanted, sampling=spacing)[found]
    back = ndimage.distance_transform_edt(~found, sampling=spacing)[wanted]
    return np.sort(np.concatenate((there, back)))


def check(prediction: Mask, reference: Mask, spacing: Spacing = None) -> None:
    distances = np.sort(np.concatenate(surface_distances(prediction, reference, spacing)))
    expected = plain_distances(prediction, reference, spacing)
    if spacing is None:
        np.testing.assert_array_equal(distances, expected)
        assert hd95(prediction, reference) == np.percentile(expected, 95)
    else:
        np.testing.assert_allclose(distances, expected, rtol=1e-13)
        assert hd95(prediction, reference, spacing) == pytest.approx(np.percentile(expected, 95), rel=1e-13)


def ball(shape: tuple[int, ...], centre: tuple[float, ...], radius: float) -> Mask:
    grid = np.indices(shape).reshape(len(shape), -1).T
    return (((grid - np.array(centre)) ** 2).sum(axis=1) <= radius**2).reshape(shape)


def blobs(rng: np.random.Generator, shape: tuple[int, ...], share: float) -> Mask:
    noise = ndimage.gaussian_filter(rng.normal(size=shape), 2)
    return noise >= np.quantile(noise, 1 - share)


def single(shape: tuple[int, ...], *place: int) -> Mask:
    mask = np.zeros(shape, bool)
    mask[place] = True
    return mask


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("share", [0.003, 0.1, 0.5, 0.9])
def test_speckles_have_the_distances_of_the_definition(spacing: Spacing, share: float) -> None:
    rng = np.random.default_rng(0)
    for shape in ((9, 14, 11), (1, 20, 17), (25, 3, 2)):
        prediction, reference = rng.random((2, *shape)) < share
        if prediction.any() and reference.any():
            check(prediction, reference, spacing)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_objects_have_the_distances_of_the_definition(spacing: Spacing) -> None:
    rng = np.random.default_rng(1)
    for share in (0.02, 0.1, 0.4):
        check(blobs(rng, (14, 24, 19), share), blobs(rng, (14, 24, 19), share), spacing)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_shifted_object_has_the_distances_of_the_definition(spacing: Spacing) -> None:
    reference = ball((20, 40, 40), (9, 15, 15), 7)
    for shift in ((0, 0, 0), (1, 0, 0), (2, 3, -1), (3, 15, 14)):
        check(ball((20, 40, 40), tuple(np.add((9, 15, 15), shift)), 6), reference, spacing)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_borders_corners_and_single_voxels(spacing: Spacing) -> None:
    shape = (6, 30, 25)
    whole, slab = np.ones(shape, bool), np.zeros(shape, bool)
    slab[:, :2] = True
    corners = [single(shape, *place) for place in itertools.product((0, -1), repeat=3)]
    masks = [whole, slab, ball(shape, (0, 0, 0), 5), ball(shape, (3, 29, 12), 8), single(shape, 3, 15, 12), *corners]
    for prediction, reference in itertools.product(masks, repeat=2):
        check(prediction, reference, spacing)


def test_a_voxel_at_the_end_of_a_row_is_far_from_the_start_of_the_next() -> None:
    assert hd95(single((4, 8, 9), 1, 3, 8), single((4, 8, 9), 1, 4, 0)) == math.hypot(1, 8)


def test_images_and_lines_are_volumes_of_fewer_axes() -> None:
    rng = np.random.default_rng(2)
    check(blobs(rng, (50, 40), 0.2), blobs(rng, (50, 40), 0.2))
    check(blobs(rng, (50, 40), 0.2), blobs(rng, (50, 40), 0.2), (0.3, 2.0))
    check(rng.random(60) < 0.1, rng.random(60) < 0.1)


def test_the_order_in_memory_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    prediction, reference = blobs(rng, (12, 20, 16), 0.1), blobs(rng, (12, 20, 16), 0.1)
    expected = hd95(prediction, reference)
    assert hd95(np.asfortranarray(prediction), np.asfortranarray(reference)) == expected
    assert hd95(prediction, np.asfortranarray(reference)) == expected
    assert hd95(prediction.T, reference.T) == hd95(reference[::-1, :, ::-1], prediction[::-1, :, ::-1]) == expected


def test_the_surface_is_the_mask_without_its_erosion() -> None:
    rng = np.random.default_rng(4)
    for share in (0.2, 0.7, 0.97):
        mask = rng.random((8, 9, 10)) < share
        np.testing.assert_array_equal(surface(mask), plain_surface(mask))
    assert surface(np.ones((3, 3, 3), bool)).sum() == 26


def test_directions_are_told_apart() -> None:
    one, line = single((1, 1, 12), 0, 0, 0), np.ones((1, 1, 12), bool)
    there, back = surface_distances(one, line)
    assert there.tolist() == [0]
    assert sorted(back) == list(range(12))


def test_dice_by_counting() -> None:
    a, b = np.arange(10) < 6, np.arange(10) >= 4
    assert dice(a, b) == pytest.approx(2 * 2 / 12)
    assert dice(a, a) == 1
    assert dice(a, ~a) == 0
    assert dice(a, a & ~a) == 0
    assert math.isnan(dice(a & ~a, a & ~a))


def test_an_empty_mask_has_no_surface_to_measure_to() -> None:
    one, none = single((3, 4, 5), 1, 2, 3), np.zeros((3, 4, 5), bool)
    for pair in ((one, none), (none, one), (none, none)):
        assert math.isnan(hd95(*pair))
        assert [len(distances) for distances in surface_distances(*pair)] == [0, 0]


def organs(rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Labels in which 1 and 2 are in both, 3 in neither, 4 in the prediction alone, 5 in the reference alone."""
    reference = np.zeros((10, 30, 32), np.uint8)
    reference[blobs(rng, reference.shape, 0.2)] = 1
    reference[ball(reference.shape, (0, 5, 6), 6)] = 2
    prediction = np.roll(reference, (1, 2, 0), axis=(0, 1, 2))
    prediction[8:, 20:, 20:] = 4
    reference[8:, 20:, 20:] = 5
    return prediction, reference


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint16])
def test_organs_of_a_volume(dtype: type[np.integer[Any]]) -> None:
    prediction, reference = organs(np.random.default_rng(5))
    spacing = (3.0, 0.8, 0.9)
    for protocol, sides in (("synapse", None), ("sound", spacing)):
        scores = organ_metrics(prediction.astype(dtype), reference.astype(dtype), 5, protocol, spacing)
        assert [score.voxels for score in scores] == [np.count_nonzero(prediction == c) for c in range(1, 6)]
        assert [score.reference_voxels for score in scores] == [np.count_nonzero(reference == c) for c in range(1, 6)]
        for organ in (1, 2):
            found, wanted = prediction == organ, reference == organ
            common = np.count_nonzero(found & wanted)
            assert scores[organ - 1].dice == 2 * common / (found.sum() + wanted.sum())
            expected = np.percentile(plain_distances(found, wanted, sides), 95)
            assert scores[organ - 1].hd95 == pytest.approx(expected, rel=1e-13)


def test_what_the_protocols_make_of_missing_organs() -> None:
    prediction, reference = organs(np.random.default_rng(6))
    neither, invented, missed = (score[:2] for score in organ_metrics(prediction, reference, 5, "synapse")[2:])
    assert (neither, invented, missed) == ((0, 0), (1, 0), (0, 0))
    scores = organ_metrics(prediction, reference, 5, "sound", (1, 1, 1))[2:]
    np.testing.assert_array_equal([score[:2] for score in scores], [(np.nan, np.nan), (0, np.nan), (0, np.nan)])
    own = Protocol("own", (1.0, 2.0), (3.0, 4.0), (5.0, 6.0), millimetres=False)
    assert [score[:2] for score in organ_metrics(prediction, reference, 5, own)[2:]] == [(1, 2), (3, 4), (5, 6)]


def test_a_protocol_in_voxels_ignores_the_spacing_and_one_in_mm_needs_it() -> None:
    prediction, reference = organs(np.random.default_rng(7))
    voxels = organ_metrics(prediction, reference, 2, "synapse")
    assert organ_metrics(prediction, reference, 2, "synapse", (5, 5, 5)) == voxels
    millimetres = organ_metrics(prediction, reference, 2, "sound", (5, 5, 5))
    assert [score.hd95 for score in millimetres] == pytest.approx([5 * score.hd95 for score in voxels])
    unknown = organ_metrics(prediction, reference, 2, "sound")
    assert [score.dice for score in unknown] == [score.dice for score in voxels]
    assert all(math.isnan(score.hd95) for score in unknown)


def test_organs_beyond_those_asked_for_are_no_organs() -> None:
    prediction, reference = organs(np.random.default_rng(8))
    assert len(organ_metrics(prediction, reference, 1, "synapse")) == 1
    beyond = organ_metrics(prediction, reference, 7, "synapse")[5:]
    nothing = organ_metrics(prediction * 0, reference * 0, 2, "synapse")
    assert [score[:4] for score in beyond] == [score[:4] for score in nothing] == [(0, 0, 0, 0)] * 2


# the surface Dice


def test_the_surface_dice_of_two_shifted_slabs_is_known() -> None:
    """Voxels 2 mm long: two lines of ten, one moved by three; a sheet, and one that is three shorter."""
    found, wanted = np.zeros(20, bool), np.zeros(20, bool)
    found[2:12], wanted[5:15] = True, True
    # of a line only both ends are surface: each is 6 mm from the other's
    for tolerance, expected in ((5.9, 0), (6, 1), (100, 1)):
        assert surface_dice(found, wanted, tolerance, (2.0,)) == expected
    # a plane one voxel thick is all surface
    sheet, shorter = np.zeros((3, 20, 4), bool), np.zeros((3, 20, 4), bool)
    sheet[1, 2:12], shorter[1, 5:12] = True, True
    for tolerance, near in ((0, 14), (1.9, 14), (2, 15), (4, 16), (6, 17)):
        assert surface_dice(sheet, shorter, tolerance, (5.0, 2.0, 1.0)) == near / 17


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("tolerance", [0.0, 0.7, 1.0, 2.5])
def test_the_surface_dice_is_what_its_definition_says(spacing: Spacing, tolerance: float) -> None:
    rng = np.random.default_rng(3)
    found, wanted = blobs(rng, (9, 20, 22), 0.2), blobs(rng, (9, 20, 22), 0.3)
    distances = plain_distances(found, wanted, spacing)
    expected = np.count_nonzero(distances <= tolerance + 1e-9) / len(distances)
    assert surface_dice(found, wanted, tolerance, spacing) == pytest.approx(expected)
    assert surface_dice(wanted, found, tolerance, spacing) == surface_dice(found, wanted, tolerance, spacing)


def test_organs_have_a_surface_dice_within_their_own_tolerances() -> None:
    prediction, reference = organs(np.random.default_rng(5))
    spacing, tolerances = (3.0, 0.8, 0.9), (1.0, 2.0, 3.0, 4.0, 5.0)
    for protocol in ("sound", "synapse"):
        scores = organ_metrics(prediction, reference, 5, protocol, spacing, tolerances)
        for organ in (1, 2):
            expected = surface_dice(prediction == organ, reference == organ, tolerances[organ - 1], spacing)
            assert 0 < scores[organ - 1].surface_dice == expected < 1
        # neither has the third organ, one each of the two has the others
        np.testing.assert_array_equal([score.surface_dice for score in scores[2:]], [np.nan, 0, 0])
        assert [score[:4] for score in scores[:2]] == [
            score[:4] for score in organ_metrics(prediction, reference, 5, protocol, spacing)[:2]
        ]
    for score in organ_metrics(prediction, reference, 5, "sound", None, tolerances):
        assert math.isnan(score.surface_dice)


def test_the_surface_dice_of_nothing() -> None:
    mask = np.ones((2, 3), bool)
    assert surface_dice(mask, ~mask, 9) == surface_dice(~mask, mask, 9) == 0
    assert math.isnan(surface_dice(~mask, ~mask, 9))


def test_what_cannot_be_compared_is_refused() -> None:
    mask, labels = np.ones((3, 4, 5), bool), np.ones((3, 4, 5), np.uint8)
    refused: list[tuple[Any, str]] = [
        (lambda: dice(mask, mask[:2]), r"prediction \(3, 4, 5\) and reference \(2, 4, 5\) differ in shape"),
        (lambda: hd95(mask, labels), "masks must be Boolean, got uint8"),  # type: ignore[arg-type]
        (lambda: hd95(mask, mask, (1, 1)), r"spacing is \(1, 1\); it must be 3 positive lengths"),
        (lambda: hd95(mask, mask, (1, 0, 1)), "3 positive lengths"),
        (lambda: hd95(mask, mask, (1, math.nan, 1)), "3 positive lengths"),
        (lambda: organ_metrics(labels, labels[:1], 1, "sound"), "differ in shape"),
        (lambda: organ_metrics(labels, mask, 1, "sound"), "labels must be integers, got bool"),
        (lambda: surface_dice(mask, mask, -1), "tolerance is -1; it must be a length, 0 or more"),
        (lambda: surface_dice(mask, mask, math.nan), "tolerance is nan"),
        (lambda: organ_metrics(labels, labels, 2, "sound", None, [1]), "1 tolerances for 2 organs"),
        (lambda: organ_metrics(labels, labels, 1, "best"), "protocol 'best'; known are synapse, sound"),
    ]
    for call, message in refused:
        with pytest.raises(InputError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert list(PROTOCOLS) == ["synapse", "sound"]
