"""Blending: what stays bit for bit, whose light and whose details the result has, and how little it takes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from anyscene_compose.inference import blending
from anyscene_compose.inference.blending import Blending, blend
from anyscene_compose.inference.pyramids import STRIP, down_by_strips, grow, grow_rows, mask_levels, spread
from visioncore.errors import InputError
from visioncore.testing.photos import photo

SIZE = 256, 320
CENTRE = 160, 128


def distance() -> Any:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.hypot(x - CENTRE[0], y - CENTRE[1])


def disc(radius: float = 90, soft: float = 1) -> Any:
    return np.clip((radius - distance()) / soft + 0.5, 0, 1).astype(np.float32)


def hair() -> Any:
    """Return the matte of a head with strands of one or two pixels."""
    matte, rng = disc(50), np.random.default_rng(1)
    for _ in range(60):
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(60, 120)
        end = int(CENTRE[0] + length * np.cos(angle)), int(CENTRE[1] + length * np.sin(angle))
        cv2.line(matte, CENTRE, end, 0.8, 1, cv2.LINE_AA)
    return np.maximum(matte, disc(50))


@pytest.fixture(scope="module")
def lit() -> tuple[Any, Any, Any]:
    """A foreground; a scene that shows it in other light, with the noise of a generator; and that without the noise."""
    foreground = photo(*SIZE, seed=1)
    light = (0.4 + 0.5 * np.mgrid[: SIZE[0], : SIZE[1]][1] / SIZE[1])[..., None] * np.array([0.8, 0.9, 1.2])
    clean = np.clip(foreground * light, 0, 255)
    noisy = clean + np.random.default_rng(0).normal(0, 12, clean.shape)
    scene = np.where(disc()[..., None] > 0, noisy, photo(*SIZE, seed=5))
    return foreground, np.clip(scene, 0, 255).astype(np.uint8), clean


@pytest.mark.parametrize("matte", ["hard", "soft", "hair", "bool"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_without_harmony_the_foreground_stays_bit_for_bit(lit: tuple[Any, Any, Any], matte: str, dtype: Any) -> None:
    foreground, scene = (each.astype(dtype) * (np.iinfo(dtype).max // 255) for each in lit[:2])
    foreground[::7] += dtype(1 if dtype == np.uint16 else 0)
    alpha = {"hard": disc(soft=1e-3), "soft": disc(soft=20), "hair": hair(), "bool": disc() > 0.5}[matte]
    made = blend(foreground, scene, alpha, harmony=0)
    assert made.dtype == dtype
    np.testing.assert_array_equal(made[alpha == 1], foreground[alpha == 1])
    np.testing.assert_array_equal(made[alpha == 0], scene[alpha == 0])
    share = alpha.astype(float)[..., None]
    assert np.abs(made - (foreground * share + scene * (1 - share))).max() <= (0.51 if dtype == np.uint8 else 0.6)


def test_light_of_the_scene_and_details_of_the_foreground(lit: tuple[Any, Any, Any]) -> None:
    foreground, scene, clean = lit
    inside = distance() < 60
    noise = np.abs(scene[inside] - clean[inside]).mean()
    off = [np.abs(blend(foreground, scene, disc(), harmony)[inside] - clean[inside]).mean() for harmony in (0, 0.5, 1)]
    assert noise > 9
    assert off[0] > 40
    assert off[1] == pytest.approx(off[0] / 2, rel=0.1)
    assert off[2] < 0.25 * noise


def test_there_is_no_seam(lit: tuple[Any, Any, Any]) -> None:
    """At the outline the result is as the scene is there, which does not change in a jump."""
    foreground, _, clean = lit
    scene, edge = clean.astype(np.uint8), (distance() > 88) & (disc() == 1)
    plain, relit = (np.abs(blend(foreground, scene, disc(), h)[edge].astype(int) - scene[edge]).mean() for h in (0, 1))
    assert relit < 0.1 * plain


def test_light_at_the_outline_is_taken_too(lit: tuple[Any, Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Light that a scene throws on the rim, narrower than the coarsest bands, comes with the finer bands next to it."""
    foreground, _, clean = lit
    rim = np.exp(-(((90 - distance()) / 4) ** 2))[..., None] * 60
    scene, edge = np.clip(clean + rim, 0, 255).astype(np.uint8), (distance() > 88) & (disc() == 1)

    def off() -> float:
        made = blend(foreground, scene, disc(), 1, levels=5, keep_low=1)
        return float(np.abs(made[edge].astype(int) - scene[edge]).mean())

    taken = off()
    monkeypatch.setattr(blending, "inward", np.ones_like)
    assert taken < 0.6 * off()


@pytest.mark.parametrize("harmony", [0.5, 1])
def test_nothing_bleeds(lit: tuple[Any, Any, Any], harmony: float) -> None:
    """Beyond the outline the scene stays; and the foreground depends on nothing that is hidden there."""
    foreground, scene, _ = lit
    alpha = disc()
    made = blend(foreground, scene, alpha, harmony)
    np.testing.assert_array_equal(made[alpha == 0], scene[alpha == 0])
    other_scene, other_foreground = scene.copy(), foreground.copy()
    other_scene[alpha == 0] = 255 - other_scene[alpha == 0]
    other_foreground[alpha == 0] = (0, 255, 0)
    again = blend(other_foreground, other_scene, alpha, harmony)
    np.testing.assert_array_equal(again[alpha > 0], made[alpha > 0])


def test_hair_is_lit_and_keeps_its_contrast() -> None:
    matte = hair()
    head, ground = np.full((*SIZE, 3), 20, np.uint8), np.full((*SIZE, 3), 200, np.uint8)
    lighter = np.rint(60 * matte[..., None] + ground * (1 - matte[..., None])).astype(np.uint8)
    strands = (matte > 0.7) & (distance() > 60)
    assert strands.sum() > 300
    assert abs(blend(head, ground, matte, 0)[strands].mean() - 200 + 180 * matte[strands].mean()) < 1
    made = blend(head, lighter, matte, 1)
    unlit = 20 * 0.8 + lighter[strands].mean() * 0.2
    assert unlit + 25 < made[strands].mean() < lighter[strands].mean()
    assert made[matte == 0].min() == 200


def test_all_of_it(lit: tuple[Any, Any, Any]) -> None:
    """Where every band comes from the scene, it is the scene; where none does, the foreground inside."""
    foreground, scene, _ = lit
    alpha = disc(soft=1e-3)
    all_of_it = blend(foreground, scene, alpha, 1, levels=4, keep_low=4)
    whole = (alpha == 0) | (alpha == 1)
    assert np.abs(all_of_it[whole].astype(int) - scene[whole]).max() <= 1
    none = blend(foreground, scene, alpha, 1, levels=4, keep_low=0)
    deep = distance() < 40
    assert np.abs(none[deep].astype(int) - foreground[deep]).max() <= 1


def test_a_larger_image_has_more_levels(lit: tuple[Any, Any, Any]) -> None:
    assert [Blending().levels_for(size) for size in ((512, 300), (1024, 1024), (3000, 4000), (64, 64))] == [5, 6, 8, 4]
    foreground, scene, _ = lit
    small = blend(foreground, scene, disc(), 1).astype(float)
    twice = [np.kron(each, np.ones((2, 2, 1), np.uint8)) for each in (foreground, scene)]
    large = blend(twice[0], twice[1], np.kron(disc(), np.ones((2, 2), np.float32)), 1)
    deep = distance() < 60
    assert np.abs(large[::2, ::2][deep] - small[deep]).mean() < 2


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 2), (3, 3), (2 * STRIP + 5, 31)])
def test_any_size(size: tuple[int, int]) -> None:
    foreground, scene = photo(*size, seed=0), photo(*size, seed=1)
    made = blend(foreground, scene, np.ones(size, np.float32), 1, levels=5, keep_low=5)
    assert np.abs(made.astype(int) - scene).max() <= 1


@pytest.mark.parametrize("height", [STRIP, 2 * STRIP + 1, 2 * STRIP + 2, STRIP + 7])
def test_strips_are_the_whole(height: int) -> None:
    values = np.random.default_rng(0).random((height, 21, 3), np.float32)
    half = down_by_strips(lambda begin, end: values[begin:end], height)
    np.testing.assert_array_equal(half, cv2.pyrDown(values))
    whole = grow(half, values.shape[:2])
    parts = [grow_rows(half, values.shape[:2], begin, min(begin + STRIP, height)) for begin in range(0, height, STRIP)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)


def test_colours_spread() -> None:
    values = np.zeros((40, 50, 3), np.float32)
    mask = np.zeros((40, 50), np.float32)
    values[10:20, 10:20], mask[10:20, 10:20] = (1, 0, 0), 1
    values[30:35, 40:45], mask[30:35, 40:45] = (0, 0, 1), 1
    everywhere = spread(values, mask)
    np.testing.assert_array_equal(everywhere[mask == 1], values[mask == 1])
    np.testing.assert_allclose(everywhere.sum(axis=2), 1, atol=1e-4)
    assert everywhere[12, 22, 0] > 0.9
    assert everywhere[33, 47, 2] > 0.8
    assert [level.shape for level in mask_levels(mask, 9)][-1] == (1, 1)


def test_depths_are_mixed() -> None:
    deep = photo(20, 24).astype(np.uint16) * 257
    alpha = np.zeros((20, 24), np.float32)
    alpha[5:10] = 1
    made = blend(deep, photo(20, 24, seed=1), alpha, 0)
    np.testing.assert_array_equal(made[:5], photo(20, 24, seed=1)[:5].astype(np.uint16) * 257)
    assert blend(photo(20, 24), deep, alpha, 0.5).dtype == np.uint8


def test_work_is_linear_in_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixels that go through the filters of pyramids, which take most of the time."""
    counted = [0]
    down, up = cv2.pyrDown, cv2.pyrUp

    def count(filtered: Any) -> Any:
        def call(values: Any, **more: Any) -> Any:
            made = filtered(values, **more)
            counted[0] += max(made.size, values.size)
            return made

        return call

    monkeypatch.setattr(cv2, "pyrDown", count(down))
    monkeypatch.setattr(cv2, "pyrUp", count(up))
    works = []
    for side in (256, 512):
        counted[0] = 0
        blend(photo(side, side), photo(side, side, 1), np.ones((side, side), np.float32), levels=8)
        works.append(counted[0] / side**2)
    assert works[1] == pytest.approx(works[0], rel=0.05)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"alpha": np.zeros((20, 24))}, "alpha is 0 everywhere"),
        ({"alpha": np.ones((24, 20))}, "alpha has 20 x 24 pixels and the foreground 24 x 20; they must be alike"),
        ({"alpha": np.full((20, 24), 255.0)}, r"outside of \[0, 1\]"),
        ({"alpha": np.ones((20, 24), np.int64)}, "alpha is of int64"),
        ({"alpha": np.ones((20, 24), np.uint8)}, "the mask is at most 1 of 255; multiply it by that"),
        ({"scene": photo(20, 20)}, "the foreground has 24 x 20 pixels and the scene 20 x 20; they must be alike"),
        ({"scene": photo(20, 24) / 255}, r"the scene is \(20, 24, 3\) float64"),
        ({"harmony": 1.5}, "harmony is 1.5"),
        ({"levels": 1}, "levels is 1; it must be from 2 to 16"),
        ({"levels": 3, "keep_low": 4}, "keep_low is 4; it must be from 0 to 3"),
    ],
)
def test_bad_input(change: dict[str, Any], told: str) -> None:
    given = {"foreground": photo(20, 24), "scene": photo(20, 24, 1), "alpha": np.ones((20, 24)), **change}
    with pytest.raises(InputError, match=told):
        blend(**given)
