"""Images of point clouds, and the colours of points."""

from __future__ import annotations

import numpy as np
import pytest

from csc_pretrain3d.inference.colours import FeatureColours, colour_table, number_colours, on_dark
from csc_pretrain3d.inference.rendering import BACKGROUND, render, seen_from_above, seen_from_behind
from visioncore.errors import InputError

RED, BLUE = np.array([[250, 0, 0], [0, 0, 250]], np.uint8)


def places(image: np.ndarray, colour: np.ndarray) -> tuple[float, float]:
    """Mean row and column of the pixels of a hue."""
    rows, columns = np.nonzero((image.argmax(axis=2) == colour.argmax()) & (image.max(axis=2) > 60))
    return float(rows.mean()), float(columns.mean())


def test_ahead_is_up_and_left_is_left_from_above() -> None:
    points = np.array([[8, 0, 0], [0, 8, 0]], np.float32)
    image = render(seen_from_above(points, 10, 100), np.stack([RED, BLUE]), 100, 100)
    assert places(image, RED) == pytest.approx((10, 50), abs=1)
    assert places(image, BLUE) == pytest.approx((50, 10), abs=1)
    assert image[80, 80].tolist() == list(BACKGROUND)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearest_point_is_in_front_whatever_the_order(order: tuple[int, int]) -> None:
    points, colours = np.array([[0, 0, 5], [0, 0, 0]], np.float32), np.stack([RED, BLUE])
    image = render(seen_from_above(points[[*order]], 10, 101), colours[[*order]], 101, 101)
    assert image[50, 50].tolist() == RED.tolist()


def test_the_view_from_behind() -> None:
    points = np.array([[20, 6, 0], [20, -6, 0], [40, 6, 0], [20, 6, 3], [-40, 0, 0]], np.float32)
    view = seen_from_behind(points, 300, 500)
    assert view.column[0] < 250 < view.column[1], "left is left"
    assert view.row[2] < view.row[0], "what is farther away is higher up"
    assert view.row[3] < view.row[0], "what is higher is higher up"
    assert view.radius[2] <= view.radius[0]
    assert view.depth[4] < 0
    drawn = render(view, np.full((5, 3), 200, np.uint8), 300, 500)
    assert (drawn != BACKGROUND).any()
    alone = render(seen_from_behind(points[4:], 300, 500), np.full((1, 3), 200, np.uint8), 300, 500)
    assert (alone == BACKGROUND).all(), "what lies behind the eye is not seen"


def test_edges_are_darker_than_faces() -> None:
    side = np.linspace(-9, 9, 181)
    x, y = (axis.ravel() for axis in np.meshgrid(side, side))
    box = (np.abs(x) < 3) & (np.abs(y) < 3)
    points = np.stack([x, y, np.where(box, 15.0, 0.0)], axis=1)
    image = render(seen_from_above(points, 10, 100), np.full((len(x), 3), 200, np.uint8), 100, 100)
    assert image[50, 50].tolist() == image[15, 50].tolist() == [200, 200, 200]
    assert image[50, 15:85].min() < 190, "the ground beside the box"


def test_no_point_is_seen() -> None:
    assert (render(seen_from_above(np.zeros((0, 3)), 10, 20), np.zeros((0, 3), np.uint8), 20, 20) == BACKGROUND).all()


def test_numbers_become_colours_in_their_order() -> None:
    values = np.linspace(-3, 9, 1001)
    table = colour_table("height")
    colours = number_colours(values, "height")
    np.testing.assert_array_equal(colours[[0, -1]], table[[0, -1]])
    np.testing.assert_array_equal(colours[501], table[128])
    assert (number_colours(np.full(4, 7.0), "intensity") == colour_table("intensity")[0]).all()


def test_no_class_is_lost_before_a_dark_background() -> None:
    given = np.array([[0, 0, 0], [75, 0, 75], [0, 160, 80]], np.uint8)
    assert on_dark(given).tolist() == [[105, 105, 105], [150, 0, 150], [0, 160, 80]]


def test_principal_components_become_colours() -> None:
    rng = np.random.default_rng(0)
    axes, _ = np.linalg.qr(rng.normal(size=(16, 16)))
    hidden = rng.normal(size=(4000, 3)) * [9, 3, 1]
    features = (hidden @ axes[:3] + 5).astype(np.float32)
    fitted, colours = FeatureColours.of(features)
    for channel in range(3):
        seen = colours[:, channel].astype(float)
        assert abs(np.corrcoef(seen, hidden[:, channel])[0, 1]) > 0.98
        assert seen.min() == 0
        assert seen.max() == 255
    # the same feature has the same colour in another scan, and the colours do not depend on chance
    np.testing.assert_array_equal(fitted(features[100:200]), colours[100:200])
    np.testing.assert_array_equal(FeatureColours.of(features)[1], colours)


def test_features_with_little_in_them() -> None:
    assert (FeatureColours.of(np.ones((5, 4)))[1] == 128).all()
    one, colours = FeatureColours.of(np.arange(6.0)[:, None])
    assert colours[:, 0].tolist() == sorted(colours[:, 0].tolist())
    assert (colours[:, 1:] == 128).all()
    assert one(np.array([[99.0]]))[0, 0] == 255
    for features in (np.zeros((0, 3)), np.full((2, 2), np.nan)):
        with pytest.raises(InputError, match="finite numbers of at least one point"):
            FeatureColours(features)
