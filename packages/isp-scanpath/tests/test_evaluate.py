"""The protocol: scores of all trials, ranking of observers, agreement of people; and what is plain of each metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isp_scanpath.data.trials import ScanpathData, Trial
from isp_scanpath.evaluation.controls import as_others, centre_bias
from isp_scanpath.evaluation.multimatch import multimatch
from isp_scanpath.evaluation.protocols import CHEN_FRAME, evaluate, human_agreement
from isp_scanpath.evaluation.ranking import ranks
from isp_scanpath.evaluation.scores import METRICS, scores
from isp_scanpath.evaluation.string_edit import string_edit_distance
from isp_scanpath.evaluation.time_delay import time_delay_similarity
from isp_scanpath.network.scanmatch import scanmatch
from isp_scanpath.network.scanpaths import Floats, Frame, Scanpaths
from visioncore.errors import InputError

FRAME = Frame(320, 240)


def random_paths(seed: int, lengths: Sequence[int]) -> list[Floats]:
    rng = np.random.default_rng(seed)
    sides = [FRAME.width, FRAME.height, 0.5]
    return [rng.uniform(0.05, 1, (length, 3)) * sides for length in lengths]


def data_of(paths: Sequence[Floats], observers: int) -> ScanpathData:
    trials = [
        Trial(f"{place // observers}.jpg", place % observers, path, split="test") for place, path in enumerate(paths)
    ]
    names = tuple("abcdefgh"[:observers])
    return ScanpathData("mine", tuple(trials), names, Path("mine.csv"), FRAME)


def test_a_pair_counts_alike_in_any_company() -> None:
    """Whatever the longest scanpath of a batch is, each pair has the score that it has alone."""
    lengths = [3, 9, 4, 22, 5, 3]
    a, b = random_paths(0, lengths), random_paths(1, lengths[::-1])
    together = scores(Scanpaths.of(a), Scanpaths.of(b), FRAME)
    for place, pair in enumerate(zip(a, b, strict=True)):
        alone = scores(Scanpaths.of([pair[0]]), Scanpaths.of([pair[1]]), FRAME)
        for name in METRICS:
            assert together[name][place] == pytest.approx(alone[name][0], rel=1e-12), name


def test_alignment_is_the_plain_one() -> None:
    from isp_scanpath.network.scanmatch import strings, substitution

    table = substitution()
    a, b = Scanpaths.of(random_paths(2, [7, 12])), Scanpaths.of(random_paths(3, [10, 4]))
    found = scanmatch(a, b, FRAME, with_duration=True)
    for place in range(2):
        (one, n), (two, m) = (strings(paths, FRAME, with_duration=True) for paths in (a[[place]], b[[place]]))
        best = np.zeros((n[0] + 1, m[0] + 1))
        for i in range(n[0]):
            for j in range(m[0]):
                best[i + 1, j + 1] = max(best[i, j] + table[one[0, i], two[0, j]], best[i, j + 1], best[i + 1, j])
        assert found[place] == pytest.approx(best[-1, -1] / (3.5 * max(n[0], m[0])), rel=1e-12)


def test_equal_scanpaths() -> None:
    paths = Scanpaths.of(random_paths(4, [1, 2, 3, 15]))
    found = scores(paths, paths, FRAME)
    assert found.pop("sed").tolist() == [0, 0, 0, 0]
    for name, values in found.items():
        np.testing.assert_allclose(values, 1, rtol=1e-12, err_msg=name)


def test_nothing_against_something() -> None:
    nothing, something = Scanpaths.of([np.empty((0, 3))]), Scanpaths.of(random_paths(5, [4]))
    assert scanmatch(nothing, nothing, FRAME, with_duration=True).tolist() == [1]
    assert scanmatch(nothing, something, FRAME, with_duration=False).tolist() == [0]
    assert string_edit_distance(nothing, something, FRAME).tolist() == [4]
    assert string_edit_distance(something, nothing, FRAME).tolist() == [4]
    assert np.isnan(multimatch(nothing, something, FRAME)).all()
    assert np.isnan(time_delay_similarity(nothing, something, FRAME)).all()


def test_padding_of_short_scanpaths() -> None:
    one, other = Scanpaths.of(random_paths(6, [2])), Scanpaths.of(random_paths(7, [2]))
    filled, bare = scores(one, other, FRAME), scores(one, other, FRAME, pad="multimatch")
    assert filled["multimatch"] == bare["multimatch"]
    assert filled["scanmatch_without_duration"] > bare["scanmatch_without_duration"]


def test_angles_meet_at_half_a_turn() -> None:
    left = np.array([[100, 100, 0.1], [50, 100, 0.1], [10, 100, 0.1]])
    tilted = left + np.array([[0, 0, 0], [0, 1, 0], [0, -1, 0]])
    direction = multimatch(Scanpaths.of([left]), Scanpaths.of([tilted]), FRAME)[0, 1]
    assert 0.95 < direction < 1


def test_ties_go_to_the_last() -> None:
    assert ranks(np.ones((3, 3))).tolist() == [2, 1, 0]


def test_a_prediction_that_is_right_comes_first() -> None:
    data = data_of(random_paths(8, [6, 8, 9, 7, 5, 3]), observers=3)
    evaluation = evaluate(data, lambda trials, _: data.scaled(trials, FRAME), FRAME, made_by="the truth")
    assert evaluation.means()["r_at_1"] == 100
    assert evaluation.means()["mrr"] == 1
    assert evaluation.by_chance is not None
    assert evaluation.by_chance.recall[1] == pytest.approx(100 / 3)


def test_seeds_spread(tmp_path: Path) -> None:
    data = data_of(random_paths(9, [6, 8, 9, 7]), observers=2)

    def guess(trials: Sequence[Trial], seed: int) -> Scanpaths:
        return Scanpaths.of(random_paths(seed, [5] * len(trials)))

    evaluation = evaluate(data, guess, FRAME, made_by="chance", seeds=(1, 2, 3))
    assert evaluation.values["sed"].shape == (3, 4)
    assert evaluation.spreads()["scanmatch"] > 0
    evaluation.save(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *(f"{name}.{kind}" for name in ("per_trial", "per_observer", "summary") for kind in ("csv", "md")),
        "report.json",
    }
    lines = (tmp_path / "out" / "per_trial.csv").read_text().splitlines()
    assert lines[0].startswith("image,task,observer,scanmatch,")
    assert len(lines) == 5
    with pytest.raises(InputError, match=r"no seed"):
        evaluate(data, guess, FRAME, made_by="chance", seeds=())
    with pytest.raises(InputError, match=r"3 scanpaths were predicted for 4 trials"):
        evaluate(data, lambda trials, seed: guess(trials[1:], seed), FRAME, made_by="chance")


def test_scanpaths_of_one_fixation() -> None:
    data = data_of(random_paths(11, [1, 1, 4, 1]), observers=2)
    for pad in ("all", "multimatch"):
        found = evaluate(data, lambda trials, _: Scanpaths.of(random_paths(0, [1] * 4)), FRAME, made_by="one", pad=pad)
        assert all(np.isfinite(values).all() for values in found.values.values())


def test_empty_test_split() -> None:
    data = data_of(random_paths(12, [5, 6]), observers=2)
    other = replace(data, trials=tuple(replace(trial, split="train") for trial in data.trials))
    with pytest.raises(InputError, match=r"mine\.csv: the test split is empty \(scanpaths: 2 train\)"):
        evaluate(other, lambda trials, _: other.scaled(trials, FRAME), FRAME, made_by="nobody")


def test_people_agree_over_all_ordered_pairs() -> None:
    data = data_of(random_paths(10, [6, 8, 9, 7, 5, 3]), observers=3)
    evaluation = human_agreement(data, CHEN_FRAME)
    assert len(evaluation.trials) == 12
    expected = scores(Scanpaths.of([data.trials[0].fixations]), Scanpaths.of([data.trials[1].fixations]), FRAME)
    assert evaluation.values["stde"][0, 0] == pytest.approx(expected["stde"][0])
    with pytest.raises(InputError, match=r"no image of the test split was seen by two observers"):
        human_agreement(data_of(random_paths(0, [5]), observers=1), FRAME)
    with pytest.raises(InputError, match=r"the train split is empty"):
        human_agreement(data, FRAME, split="train")


def test_the_centre_bias_is_that_of_training() -> None:
    """Numbers, places and durations of fixations come from the training split, each by itself."""
    paths = [np.column_stack([np.full((n, 2), 10.0 * n), np.full(n, 0.1 * n)]) for n in (2, 4, 8)]
    data = data_of([*paths, *random_paths(11, [5] * 400)], observers=1)
    trials = tuple(replace(trial, split="train" if place < 3 else "test") for place, trial in enumerate(data.trials))
    data = replace(data, trials=trials)
    predict = centre_bias(data, Frame(160, 120))
    drawn = predict(data.part("test"), 0)
    assert len(drawn) == 400
    assert np.bincount(drawn.lengths)[[2, 4, 8]] / 400 == pytest.approx(np.full(3, 1 / 3), abs=0.1)
    places, seconds = drawn.fixations[drawn.inside][:, 0], drawn.fixations[drawn.inside][:, 2]
    # 14 fixations: the longer a scanpath, the more of them are its own
    for number in (2, 4, 8):
        assert (places == 5.0 * number).mean() == pytest.approx(number / 14, abs=0.06)
        assert (seconds == 0.1 * number).mean() == pytest.approx(number / 14, abs=0.06)
    assert abs(np.corrcoef(places, seconds)[0, 1]) < 0.1
    assert not np.array_equal(drawn.lengths, predict(data.part("test"), 1).lengths)
    with pytest.raises(InputError, match=r"the train split is empty"):
        centre_bias(data_of(paths, observers=1), FRAME)


def test_every_trial_is_said_to_be_another_observers() -> None:
    data = data_of(random_paths(12, [4] * 40), observers=5)
    told = as_others(data.trials, 5)
    by_image = [[trial.observer for trial in told[start : start + 5]] for start in range(0, 40, 5)]
    for observers in by_image:
        assert sorted(observers) == [0, 1, 2, 3, 4]
        assert not any(other == own for own, other in enumerate(observers))
    assert len({tuple(observers) for observers in by_image}) > 3
    assert all(trial.fixations is own.fixations for trial, own in zip(told, data.trials, strict=True))


def test_chance_where_not_everybody_saw_each_image() -> None:
    """An image that one observer saw is always right, and guessing must show it."""
    data = data_of(random_paths(12, [5] * 3), observers=2)
    evaluation = evaluate(data, lambda trials, _: data.scaled(trials, FRAME), FRAME, made_by="themselves")
    assert evaluation.by_chance is not None
    assert evaluation.by_chance.recall[1] == pytest.approx(200 / 3)
    assert evaluation.by_chance.mrr == pytest.approx((1 + 0.5 + 1) / 3)
