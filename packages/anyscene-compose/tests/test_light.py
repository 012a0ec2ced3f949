"""Light that is read from a scene around a foreground."""

from __future__ import annotations

import numpy as np
import pytest

from anyscene_compose import relight
from anyscene_compose.inference.light import lit


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (60, 80)) -> np.ndarray:
    return np.full((*size, 3), colour, np.uint8)


ALL = np.ones((60, 80), np.float32)


def test_a_grey_scene_as_bright_as_the_foreground_changes_nothing() -> None:
    grey = plain((120, 120, 120))
    np.testing.assert_allclose(lit(grey, grey, ALL), grey, atol=1)


def test_a_scene_gives_its_colour_and_a_red_thing_stays_red() -> None:
    made = lit(plain((200, 200, 200)), plain((60, 90, 160)), ALL).reshape(-1, 3).mean(axis=0)
    assert made[0] < made[1] < made[2]
    red = lit(plain((220, 40, 30)), plain((60, 90, 160)), ALL).reshape(-1, 3).mean(axis=0)
    assert red[0] > 2 * red[2]


def test_a_dark_scene_darkens_and_one_that_is_lit_from_the_left_is_brighter_there() -> None:
    white = plain((200, 200, 200))
    assert lit(white, plain((40, 40, 40)), ALL).mean() < 0.8 * white.mean()
    scene = np.repeat(np.linspace(250, 20, 80).astype(np.uint8)[None, :, None], 60, axis=0).repeat(3, axis=2)
    made = lit(white, scene, ALL)[..., 0].mean(axis=0)
    assert made[5] > made[-5] + 40


def test_what_is_outside_of_the_foreground_does_not_count_as_its_brightness() -> None:
    grey, share = plain((120, 120, 120)), np.zeros((60, 80), np.float32)
    share[20:40, 20:60] = 1
    foreground = np.where(share[..., None] > 0, grey, 0).astype(np.uint8)
    np.testing.assert_allclose(lit(foreground, grey, share)[25:35, 25:55], 120, atol=6)


@pytest.mark.parametrize("white", [255, 65535])
def test_relit_all_the_way_a_foreground_is_what_its_light_makes_of_it(white: int) -> None:
    dtype = np.uint8 if white == 255 else np.uint16
    cut = np.zeros((40, 40, 4), dtype)
    cut[8:32, 8:32] = np.array([0.8, 0.8, 0.8, 1.0]) * white
    scene = np.full((40, 40, 3), np.array([0.2, 0.3, 0.6]) * white, dtype)
    made = relight(cut, scene, (0, 0, 40, 40), harmony=1).pixels[14:26, 14:26].reshape(-1, 3).mean(axis=0) / white
    wanted = (
        lit(cut[..., :3], scene, (cut[..., 3] / white).astype(np.float32))[14:26, 14:26].reshape(-1, 3).mean(axis=0)
        / white
    )
    np.testing.assert_allclose(made, wanted, atol=0.03)
    assert made[2] > made[0] + 0.1, "the scene itself would be bluer, and the foreground as it was is grey"
