"""The published augmentations: how often each is drawn, and what each does to a slice and its labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from hsam_medseg.data import augmentation as augment

IMAGE = np.random.default_rng(0).random((48, 40))
LABELS = np.zeros((48, 40), np.uint8)
LABELS[10:30, 8:20] = 3
LABELS[25:40, 18:34] = 7


def test_branches_are_drawn_as_often_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: Counter[str] = Counter()
    degrees: set[int] = set()

    def count(name: str) -> Callable[..., Any]:
        def branch(image: Any, labels: Any, *rest: Any) -> Any:
            counts[name] += 1
            if name == "rotated":
                degrees.add(rest[0])
            return image, labels

        return branch

    for name in ("rotated", "cropped", "deformed"):
        monkeypatch.setattr(augment, name, count(name))
    rng = np.random.default_rng(0)
    total = 20_000
    for _ in range(total):
        augment.augment(IMAGE, LABELS, rng)
    shares = [counts[name] / total for name in ("rotated", "cropped", "deformed")]
    np.testing.assert_allclose(shares, [0.45, 0.4125, 0.116875], atol=0.01)
    assert degrees == set(range(-20, 20))


def test_the_published_rotation(
    golden: Callable[[str], Any], make_input: Callable[[Mapping[str, Any]], Tensor]
) -> None:
    case = golden("evaluation")
    image = make_input(case.about["inputs"]["rotate_image"])
    rotated, _ = augment.rotated(image.numpy(), LABELS, 13)
    np.testing.assert_allclose(rotated[::2, ::2], case.outputs["rotate_by_13_degrees"], atol=1e-12)


def test_turned_counter_clockwise_and_labels_with_the_image() -> None:
    square = IMAGE[:40]
    rotated, labels = augment.rotated(square, LABELS[:40], 90)
    np.testing.assert_array_equal(rotated, np.rot90(square))
    np.testing.assert_array_equal(labels, np.rot90(LABELS[:40]))
    assert not augment.rotated(np.ones((40, 40)), LABELS, 20)[0][0, 0]


def test_a_crop_is_a_part_of_both() -> None:
    rng = np.random.default_rng(0)
    place = np.arange(48 * 40).reshape(48, 40)
    sides = []
    for _ in range(300):
        image, labels = augment.cropped(place.astype(float), place, rng)
        np.testing.assert_array_equal(image, labels)
        assert (np.diff(labels, axis=1) == 1).all()
        assert (np.diff(labels, axis=0) == 40).all()
        assert abs(labels.shape[0] / 48 - labels.shape[1] / 40) < 0.05
        sides.append(labels.shape[0] / 48)
    assert 0.18 <= min(sides) < 0.22
    assert 0.77 < max(sides) <= 0.8
    assert augment.cropped(np.ones((1, 2)), np.ones((1, 2), int), rng)[0].size


def test_a_bent_slice_keeps_its_classes_and_moves_a_little() -> None:
    rng = np.random.default_rng(0)
    overlap = []
    for _ in range(20):
        image, labels = augment.deformed(LABELS / 7, LABELS, rng)
        assert set(np.unique(labels)) <= {0, 3, 7}, "linear sampling would make up classes between 3 and 7"
        assert labels.dtype == np.uint8
        # where labels say 7, so does the image, but for borders
        assert np.median(image[labels == 7]) == pytest.approx(1)
        overlap.append(2 * ((labels == 3) & (LABELS == 3)).sum() / ((labels == 3).sum() + (LABELS == 3).sum()))
    assert 0.6 < np.mean(overlap) < 0.95


def test_the_displacement_is_that_of_the_elastic_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coordinates are those of Gaussian filters with the published width and strength."""
    import scipy.ndimage

    seen: dict[str, Any] = {}
    monkeypatch.setattr(scipy.ndimage, "affine_transform", lambda plane, *rest, **how: plane)
    plain = scipy.ndimage.map_coordinates

    def record(plane: Any, coordinates: Any, **how: Any) -> Any:
        seen["coordinates"] = coordinates
        return plain(plane, coordinates, **how)

    monkeypatch.setattr(scipy.ndimage, "map_coordinates", record)
    augment.deformed(IMAGE, LABELS, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    rng.uniform(-1, 1, (3, 2))
    noise = rng.uniform(-1, 1, (2, 48, 40))
    expected = np.indices((48, 40)) + 80 * scipy.ndimage.gaussian_filter(noise, (0, 3.2, 3.2))
    np.testing.assert_allclose(seen["coordinates"], expected, atol=1e-10)


def test_the_affine_map_takes_three_points_where_they_were_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    import scipy.ndimage

    seen: list[Any] = []

    def record(plane: Any, matrix: Any, **how: Any) -> Any:
        seen.append(matrix)
        return plane

    monkeypatch.setattr(scipy.ndimage, "affine_transform", record)
    augment.deformed(IMAGE, LABELS, np.random.default_rng(5))
    points = np.array([24, 20]) + 13 * np.array([[1, 1], [1, -1], [-1, -1]])
    moved = points + np.random.default_rng(5).uniform(-3.2, 3.2, (3, 2))
    np.testing.assert_allclose(np.column_stack([moved, np.ones(3)]) @ seen[0].T, points, atol=1e-9)


def test_colours_bend_together() -> None:
    image = np.stack([IMAGE] * 3, axis=-1)
    warped, _ = augment.deformed(image, LABELS, np.random.default_rng(2))
    alone, _ = augment.deformed(IMAGE, LABELS, np.random.default_rng(2))
    assert warped.shape == image.shape
    for colour in range(3):
        np.testing.assert_array_equal(warped[..., colour], alone)
    rotated, _ = augment.rotated(image, LABELS, 7)
    np.testing.assert_array_equal(rotated[..., 1], augment.rotated(IMAGE, LABELS, 7)[0])
