"""Each metric by itself, with answers that are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from anyscene_compose.evaluation.areas import Pixels, box_of, covered, eroded, grown, inside, opaque, ring
from anyscene_compose.evaluation.colours import covariance_distance, frechet_distance, mean_distance, to_lab
from anyscene_compose.evaluation.duplication import copy_likeness, name_margin, without_foreground
from anyscene_compose.evaluation.expansion import Expansion, expansion
from anyscene_compose.evaluation.fidelity import crop_of, psnr_inside, ssim_inside
from anyscene_compose.evaluation.harmony import colour_harmony, gradient_jump
from anyscene_compose.evaluation.object_masks import SegmentAnything, grown_mask, innermost
from visioncore.errors import InputError
from visioncore.metrics.image import ssim
from visioncore.testing.photos import photo

RED, BLUE, GREEN = (200, 30, 30), (40, 60, 190), (30, 160, 60)


def plain(colour: tuple[int, int, int], height: int = 40, width: int = 40) -> Pixels:
    return np.full((height, width, 3), colour, np.uint8)


def square(left: int, top: int, right: int, bottom: int, colour: tuple[int, int, int] = RED, side: int = 40) -> Pixels:
    """Return a foreground (side, side, 4): an opaque square."""
    foreground = np.zeros((side, side, 4), np.uint8)
    foreground[top:bottom, left:right] = (*colour, 255)
    return foreground


def pasted(foreground: Pixels, scene: Pixels) -> Pixels:
    return np.where(opaque(foreground)[..., None], foreground[..., :3], scene)


def test_areas() -> None:
    foreground = square(10, 12, 20, 30)
    foreground[12, 10] = (0, 0, 0, 1)
    foreground[12, 11] = (0, 0, 0, 128)
    assert [int(area(foreground).sum()) for area in (covered, inside, opaque)] == [180, 179, 178]
    mask = covered(foreground)
    assert box_of(mask) == (10, 12, 20, 30)
    assert int(ring(mask, 2).sum()) == 14 * 22 - 180
    assert int(eroded(mask, 2).sum()) == 6 * 14
    assert eroded(np.ones((4, 4), bool), 1).all()
    assert (grown(mask, 0) == mask).all()
    with pytest.raises(InputError, match="the mask is empty"):
        box_of(np.zeros((4, 4), bool))


def test_expansion_counts_what_is_new() -> None:
    given, found = np.zeros((10, 20), bool), np.zeros((10, 20), bool)
    given[2:6, 2:6] = True
    found[4:8, 2:6] = True
    # what is missing of the given mask does not count
    assert expansion(found, given) == Expansion(8, 8 / 200)
    assert expansion(given & found, given) == Expansion(0, 0)
    with pytest.raises(InputError, match="both must be of one size"):
        expansion(found[:5], given)


def test_a_drawing_that_grew_is_found() -> None:
    foreground = square(10, 10, 20, 20)
    scene = pasted(foreground, plain(BLUE))
    assert expansion(grown_mask(scene, foreground), covered(foreground)).pixels == 0
    scene[10:20, 20:26] = RED
    # the same colour elsewhere is no part of it
    scene[30:35, 30:35] = RED
    assert expansion(grown_mask(scene, foreground), covered(foreground)).pixels == 60
    # nor is what has another colour than the foreground nearby
    two = square(10, 10, 20, 20)
    two[10:20, 10:15, :3] = GREEN
    other = pasted(two, plain(BLUE))
    other[10:20, 20:26] = GREEN
    assert expansion(grown_mask(other, two), covered(two)).pixels == 0
    other[10:20, 4:10] = GREEN
    assert expansion(grown_mask(other, two), covered(two)).pixels == 60
    with pytest.raises(InputError, match="the mask is empty"):
        grown_mask(scene, np.zeros((40, 40, 4), np.uint8))


def test_a_soft_edge_is_no_growth() -> None:
    foreground = square(10, 10, 20, 20)
    foreground[10:20, 20] = (*RED, 60)
    image = pasted(foreground, plain(BLUE))
    image[10:20, 20] = (np.array(RED) * 60 + np.array(BLUE) * 195) // 255
    assert expansion(grown_mask(image, foreground), covered(foreground)).pixels == 0


def test_segment_anything_is_asked_with_box_and_points() -> None:
    asked: dict[str, Any] = {}

    class Predictor:
        def set_image(self, image: Pixels) -> None:
            asked["image"] = image

        def predict(self, **given: Any) -> tuple[Any, ...]:
            asked.update(given)
            return np.eye(40, dtype=bool)[None], None, None

    foreground = square(10, 12, 21, 23)
    found = SegmentAnything(Predictor(), points=2)(plain(BLUE), foreground)
    assert (found == np.eye(40, dtype=bool)).all()
    np.testing.assert_array_equal(asked["box"], [10, 12, 20, 22])
    assert asked["point_coords"][0].tolist() == [15, 17]
    assert asked["point_labels"].tolist() == [1, 1]
    assert asked["multimask_output"] is False
    points = innermost(inside(foreground), 4)
    assert inside(foreground)[points[:, 1], points[:, 0]].all()
    assert innermost(np.eye(1, dtype=bool), 5).tolist() == [[0, 0]]


def test_psnr_is_of_the_inside_alone() -> None:
    foreground = square(10, 10, 20, 20)
    image = pasted(foreground, plain(BLUE))
    mask = opaque(foreground)
    assert psnr_inside(image, foreground[..., :3], mask) == 100
    image[10:20, 10:20] += 5
    assert psnr_inside(image, foreground[..., :3], mask) == pytest.approx(10 * np.log10(255**2 / 25))
    with pytest.raises(InputError, match="the mask is empty"):
        psnr_inside(image, foreground[..., :3], np.zeros((40, 40), bool))
    with pytest.raises(InputError, match=r"the image is \(40, 40\) and its mask \(4, 4\)"):
        psnr_inside(image, foreground[..., :3], np.ones((4, 4), bool))


def test_ssim_is_of_the_inside_alone() -> None:
    image, reference = photo(40, 48, seed=0), photo(40, 48, seed=1)
    # of a whole image it is the usual one with mid-grey around it
    padded = (np.pad(each, ((5, 5), (5, 5), (0, 0)), constant_values=128) for each in (image, reference))
    one, other = (torch.from_numpy(each).movedim(-1, 0)[None] for each in padded)
    whole = np.ones((40, 48), bool)
    assert ssim_inside(image, reference, whole) == pytest.approx(float(ssim(one, other, "colour")))
    mask = np.zeros((40, 48), bool)
    mask[8:30, 10:33] = True
    changed = np.where(mask[..., None], image, 255 - image)
    assert ssim_inside(changed, image, mask) == pytest.approx(1)
    assert ssim_inside(reference, image, mask) < 0.9


def test_crops_are_square_on_grey() -> None:
    foreground = square(10, 12, 20, 18)
    crop = crop_of(pasted(foreground, plain(BLUE)), inside(foreground))
    assert crop.shape == (10, 10, 3)
    assert (crop[2:8] == RED).all()
    assert (crop[:2] == 128).all()
    assert (crop[8:] == 128).all()


def test_cielab_of_known_colours() -> None:
    known = {(255, 255, 255): (100, 0, 0), (0, 0, 0): (0, 0, 0), (255, 0, 0): (53.24, 80.09, 67.2)}
    for colour, lab in known.items():
        np.testing.assert_allclose(to_lab(plain(colour, 1, 1))[0, 0], lab, atol=0.05)


def test_distances_of_samples() -> None:
    drawn = np.random.default_rng(0)
    one, moved = drawn.normal(size=(4000, 2)) * (1, 3), np.array([3.0, 4.0])
    assert mean_distance(one, one + moved) == pytest.approx(5)
    assert covariance_distance(one, one + moved) == pytest.approx(0, abs=1e-5)
    # of covariances that have the same axes, the roots are subtracted
    wider = one * (2, 1)
    assert covariance_distance(one, wider) == pytest.approx(one[:, 0].std(), rel=0.02)
    assert frechet_distance(one, wider + moved) == pytest.approx(
        mean_distance(one, wider + moved) ** 2 + covariance_distance(one, wider) ** 2
    )
    single = np.array([[0.0], [2.0]]), np.array([[3.0], [9.0]])
    assert frechet_distance(*single) == pytest.approx((6 - 1) ** 2 + (3 - 1) ** 2)


def test_harmony_of_colours() -> None:
    foreground = square(10, 10, 30, 30, colour=(200, 200, 200))
    mask = inside(foreground)
    assert colour_harmony(pasted(foreground, plain((200, 200, 200))), mask) == (0, 0)
    found = colour_harmony(pasted(foreground, plain((0, 0, 0))), mask)
    assert found.mean == pytest.approx(float(to_lab(plain((200, 200, 200), 1, 1))[0, 0, 0]), abs=1e-3)
    assert found.covariance == pytest.approx(0, abs=1e-3)
    # only the ring counts, not what lies beyond it
    scene = plain((200, 200, 200))
    scene[:3] = 0
    assert colour_harmony(pasted(foreground, scene), mask, width=4) == (0, 0)
    assert colour_harmony(pasted(foreground, scene), mask, width=9).mean > 1
    # nothing is around it
    assert colour_harmony(scene, np.ones((40, 40), bool)) == (0, 0)


def test_seams_are_steeper_than_what_is_nearby() -> None:
    mask = inside(square(10, 10, 30, 30))
    slope = np.repeat(np.arange(0, 240, 6, dtype=np.uint8)[:, None, None], 40, axis=1).repeat(3, axis=2)
    assert gradient_jump(slope, mask) == pytest.approx(1, abs=0.05)
    assert gradient_jump(plain(BLUE), mask) == 1
    seam = slope.copy()
    seam[mask] //= 4
    assert gradient_jump(seam, mask) > 3
    assert gradient_jump(slope, np.ones((40, 40), bool)) == 1


def test_the_foreground_is_filled_from_its_scene() -> None:
    foreground = square(10, 10, 30, 30)
    assert (without_foreground(pasted(foreground, plain(BLUE)), inside(foreground)) == BLUE).all()
    halves = plain(BLUE)
    halves[:, 20:] = GREEN
    filled = without_foreground(pasted(foreground, halves), inside(foreground))
    assert (filled[~inside(foreground)] == halves[~inside(foreground)]).all()
    # nothing red is left, and each side is nearer to the colour beside it
    assert filled[..., 0].max() <= 40
    assert filled[20, 11, 2] > filled[20, 28, 2]
    assert (without_foreground(halves, np.ones((40, 40), bool)) == 128).all()


def test_margins_of_names() -> None:
    scenes = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    names, others = torch.tensor([[1.0, 0.0]] * 2), torch.tensor([[0.0, 1.0]] * 2)
    torch.testing.assert_close(name_margin(scenes, names, others), torch.tensor([1.0, -0.2]))


def test_copies_are_found_outside_the_foreground() -> None:
    drawing = photo(16, 16, seed=3)
    foreground = np.zeros((64, 64, 4), np.uint8)
    foreground[40:56, 4:20] = np.dstack([drawing, np.full((16, 16), 255, np.uint8)])
    scene = photo(64, 64, seed=9) // 4 + 90
    without = copy_likeness(pasted(foreground, scene), foreground)
    twice = pasted(foreground, scene)
    twice[8:24, 40:56] = drawing[:, ::-1]
    assert copy_likeness(twice, foreground) == pytest.approx(1, abs=1e-3)
    assert without < 0.8
    with pytest.raises(InputError, match="the mask is empty"):
        copy_likeness(scene, np.zeros((64, 64, 4), np.uint8))


def test_copies_are_looked_for_in_large_images_too() -> None:
    drawing = np.asarray(photo(16, 16, seed=3)).repeat(8, 0).repeat(8, 1)
    foreground = np.zeros((256, 384, 4), np.uint8)
    foreground[100:228, 10:138] = np.dstack([drawing, np.full((128, 128), 255, np.uint8)])
    twice = pasted(foreground, np.full((256, 384, 3), 120, np.uint8))
    twice[16:144, 220:348] = drawing
    assert copy_likeness(twice, foreground) > 0.9
