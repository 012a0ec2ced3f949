"""Frame numbers: the golden case, and the rule in exact integers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from alt_action.data.sampling import drawn_frame_numbers, frame_numbers
from visioncore.testing.golden import GoldenCase


def test_golden_case() -> None:
    case = GoldenCase.read(Path(__file__).parent / "data", "scores_and_sampling")
    config = case.about["config"]
    for frames in config["frames"]:
        for views in config["temporal_views"]:
            found = [
                [frame_numbers(length, frames, view, views) for view in range(views)]
                for length in config["video_lengths"]
            ]
            case.close(f"frame_index_T{frames}_V{views}", np.array(found))


def test_the_rule_is_exact() -> None:
    assert frame_numbers(33, 5, 1, 2)[1] == 11
    for length, wanted, views in ((33, 5, 2), (7, 16, 3), (1, 8, 1), (19881, 32, 4)):
        for view in range(views):
            exact = [int((i + Fraction(view + 1, views + 1)) * length / wanted) for i in range(wanted)]
            assert frame_numbers(length, wanted, view, views) == exact


def test_drawn_numbers_are_one_of_each_segment() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([drawn_frame_numbers(40, 8, rng) for _ in range(200)])
    assert (drawn // 5 == np.arange(8)).all()
    assert {len(set(column.tolist())) for column in drawn.T} == {5}
    short = drawn_frame_numbers(3, 8, rng)
    assert short == sorted(short)
    assert set(short) <= {0, 1, 2}
