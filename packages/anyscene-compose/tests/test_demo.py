"""Drawn scenes, what is measured in them, and the cut-outs that the demo shows; its figures are in test_commands.py."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from anyscene_compose.data.scenes import GROUNDS, LIGHTS, caption_of, draw_scene
from anyscene_compose.evaluation.drawn_scenes import details_kept, draw_cases, light_error
from anyscene_compose.evaluation.scene_judge import SceneJudge, SceneJudgeConfig, grown, second_copy
from visioncore.errors import InputError

SAMPLES = sorted((Path(str(files("anyscene_compose"))) / "assets" / "samples").glob("*.png"))


def ball(colour: tuple[float, float, float] = (0.9, 0.2, 0.2)) -> np.ndarray:
    y, x = np.mgrid[:32, :32]
    whole = np.zeros((32, 32, 4), np.float32)
    whole[..., :3] = colour
    whole[..., 3] = np.hypot(y - 15.5, x - 15.5) < 14
    return whole


def mask(top: int, left: int, side: int = 8) -> np.ndarray:
    found = np.zeros((64, 64), bool)
    found[top : top + side, left : left + side] = True
    return found


def test_a_scene_shows_its_cut_out_in_the_light_of_its_hour() -> None:
    errors, unlit = [], []
    for seed in range(8):
        scene = draw_scene([("ball", ball())], [], np.random.default_rng(seed))
        hour = next(name for name in LIGHTS if name in scene.caption)
        errors.append(light_error(scene.image, scene.foreground, hour))
        pasted = np.where(scene.foreground[..., 3:] > 127, scene.foreground[..., :3], scene.image)
        unlit.append(light_error(pasted, scene.foreground, hour))
        outside = scene.owners() == 0
        assert outside.any()
        assert not outside.all()
    # a side of the cut-out is brighter, so that it is not exact
    assert max(errors) < 4
    assert max(unlit) > 20


def test_two_cut_outs_are_layers_of_their_own_and_are_named() -> None:
    drawn = draw_scene([("ball", ball()), ("box", ball((0, 0, 1)))], [("hut", ball())], np.random.default_rng(1))
    assert drawn.names == ("ball", "box")
    assert len(drawn.layers) == 2
    assert drawn.caption.startswith("a ball and a box on the ")
    assert drawn.caption.endswith(" with a hut")
    assert set(np.unique(drawn.owners())) == {0, 1, 2}


def test_a_scene_is_its_seed() -> None:
    first, again, other = (draw_scene([("ball", ball())], [], np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first.image, again.image)
    assert not np.array_equal(first.image, other.image)


def test_growth_and_second_copies_are_told_apart() -> None:
    given = mask(20, 20)
    shown = given | mask(20, 26, 4)
    assert grown(shown, given).sum() == 2 * 4
    assert not second_copy(shown, given)
    shown |= mask(50, 50, 5)
    assert grown(shown, given).sum() == 2 * 4
    assert second_copy(shown, given)
    assert not second_copy(given | mask(50, 50, 3), given), "a speck is no copy"
    assert grown(np.zeros_like(given), given).sum() == 0


def test_details_are_kept_whatever_the_light() -> None:
    generator = np.random.default_rng(0)
    foreground = np.dstack([generator.integers(60, 200, (64, 64, 3), dtype=np.uint8), 255 * mask(10, 10, 40)])
    foreground = foreground.astype(np.uint8)
    dim = np.rint(foreground[..., :3] * 0.5).astype(np.uint8)
    assert details_kept(dim, foreground) > 0.99
    assert abs(details_kept(generator.integers(0, 255, (64, 64, 3), dtype=np.uint8), foreground)) < 0.2


def test_a_judge_says_where_any_thing_is() -> None:
    judge = SceneJudge(SceneJudgeConfig(("cat", "dog"), width=4)).eval()
    with torch.no_grad():
        judge.head.weight.zero_()
        judge.head.get_parameter("bias").copy_(torch.tensor([0.5, 0.0, 0.0]))
    # each of the two is less likely than nothing, and both together are likelier
    assert judge.shown(np.zeros((1, 64, 64, 3), np.uint8)).all()
    with torch.no_grad():
        judge.head.get_parameter("bias").copy_(torch.tensor([1.0, 0.0, 0.0]))
    assert not judge.shown(np.zeros((1, 64, 64, 3), np.uint8)).any()
    with pytest.raises(InputError, match="H and W multiples of 4"):
        judge(torch.zeros(1, 3, 30, 64))


def test_cases_are_decided_by_their_seed() -> None:
    first, again = draw_cases(SAMPLES[:4], seed=1), draw_cases(SAMPLES[:4], seed=1)
    assert [case.asked.prompt for case in first] == [case.asked.prompt for case in again]
    assert {case.hour for case in first} == set(LIGHTS)
    for case in first:
        assert case.asked.prompt == caption_of([case.name], _ground(case.asked.prompt), case.hour)
        assert case.mask.any()
        assert np.array_equal(case.foreground, again[first.index(case)].foreground)


def _ground(prompt: str) -> str:
    return next(ground for ground in GROUNDS if f" {ground} " in prompt)


def test_the_judge_knows_what_the_samples_show() -> None:
    judge = SceneJudge.from_pretrained(Path(str(files("anyscene_compose"))) / "assets" / "judge").float()
    assert len(SAMPLES) == 12
    assert {path.stem for path in SAMPLES} <= set(judge.config.names)
