"""The metrics, held to the golden case of the published ones, and to what is plain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from isp_scanpath.evaluation.multimatch import multimatch
from isp_scanpath.evaluation.ranking import chance, ranking, ranks
from isp_scanpath.evaluation.string_edit import cells, string_edit_distance
from isp_scanpath.evaluation.time_delay import similarities, time_delay_similarity
from isp_scanpath.network.scanmatch import bins, scanmatch, strings, substitution
from isp_scanpath.network.scanpaths import Frame, Scanpaths
from visioncore.testing.deterministic import uniform_input

FRAME = Frame(320, 240)
Golden = Callable[[str], Any]


def made(case: Any, kind: str) -> Scanpaths:
    """The scanpaths of three images and four observers, filled up to three fixations."""
    paths = []
    for image, lengths in enumerate(case.about["inputs"][f"{kind}_lengths"]):
        for observer, length in enumerate(lengths):
            source = "gt" if (image, observer) == (0, 0) else kind
            u = uniform_input(f"isp/metric/a/{source}/{image}/{observer}", (max(length, 1), 3))[:length]
            paths.append(np.stack([u[:, 0] * 320, u[:, 1] * 240, 0.03 + 0.45 * u[:, 2]], axis=1))
    return Scanpaths.of(paths).at_least(3)


@pytest.fixture
def case(golden: Golden) -> Any:
    return golden("metrics")


def test_scores(case: Any) -> None:
    predicted, truth = made(case, "pred"), made(case, "gt")
    scores = [
        *multimatch(predicted, truth, FRAME).T,
        scanmatch(predicted, truth, FRAME, with_duration=True),
        scanmatch(predicted, truth, FRAME, with_duration=False),
        string_edit_distance(predicted, truth, FRAME),
        time_delay_similarity(predicted, truth, FRAME),
    ]
    case.close("diagonal_scores", np.stack(scores, axis=-1).reshape(3, 4, 9))


def test_scanmatch(case: Any) -> None:
    predicted, truth = made(case, "pred"), made(case, "gt")
    row, column = np.divmod(np.arange(16), 4)
    every = [
        scanmatch(predicted[4 * image + row], truth[4 * image + column], FRAME, with_duration=True).reshape(4, 4)
        for image in range(3)
    ]
    case.close("scanmatch_with_duration", np.stack(every))
    case.close("substitution_matrix", substitution())
    y, x = np.mgrid[:240, :320].astype(float)
    case.close("bin_mask", bins(x, y, FRAME))
    own = truth[[4]]
    for name, with_duration in (("sequence_with_duration", True), ("sequence_without", False)):
        symbols, lengths = strings(own, FRAME, with_duration=with_duration)
        case.close(name, symbols[0, : lengths[0]])
    pairs = [4, 5, 10]
    rewards = [scanmatch(predicted[pairs], truth[pairs], FRAME, with_duration=which) for which in (False, True)]
    case.close("reward_pairs", np.stack(rewards, axis=1).astype(np.float32))


def test_edits_and_delays(case: Any) -> None:
    predicted, truth = made(case, "pred"), made(case, "gt")
    case.close("sed_strings", cells(truth[[4]], FRAME)[:, :9])
    case.close("stde_per_k", similarities(predicted[[5]], truth[[4]], FRAME)[0, :9])


def test_rankings(case: Any, make_input: Callable[[Any], Any]) -> None:
    scores = make_input(case.about["inputs"]["ranking_scores"]).numpy()
    for name, matrix in (("p2g", scores), ("g2p", scores.swapaxes(1, 2))):
        found = ranks(matrix)
        case.close(f"ranks_{name}", found)
        r = ranking([found])
        case.close(f"ranking_{name}", np.array([*r.recall.values(), r.mrr, r.median, r.mean]))


@pytest.mark.parametrize(("observers", "mrr"), [(15, 0.221), (10, 0.293), (20, 0.180), (39, 0.109)])
def test_chance(observers: int, mrr: float) -> None:
    guessed = chance(observers)
    assert guessed.mrr == pytest.approx(mrr, abs=5e-4)
    assert guessed.recall[1] == pytest.approx(100 / observers)
