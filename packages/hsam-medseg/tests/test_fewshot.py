"""The few that are labelled: the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from hsam_medseg.data.few_shot import PUBLISHED, choose, choose_cases
from visioncore.errors import InputError

NAMES = [f"case{number:04d}" for number in range(40)]


def test_a_fixed_seed_chooses_the_same() -> None:
    chosen = choose(NAMES, 0.1, 7)
    assert chosen == choose(NAMES, 4, 7)
    assert len(set(chosen)) == 4
    assert chosen == sorted(chosen)
    assert len({tuple(choose(NAMES, 4, seed)) for seed in range(10)}) > 5


def test_all_can_be_chosen_and_a_part_is_at_least_one() -> None:
    assert choose(NAMES, 1.0, 0) == choose(NAMES, 40, 0) == NAMES
    assert len(choose(NAMES, 0.001, 0)) == 1
    assert len(choose(NAMES, 1, 0)) == 1


def test_every_item_is_drawn_as_often() -> None:
    counts = np.zeros(10)
    for seed in range(2000):
        counts[choose(range(10), 3, seed)] += 1
    np.testing.assert_allclose(counts / 2000, 0.3, atol=0.05)


@pytest.mark.parametrize("wanted", [0, 41, -1, 0.0, 1.5])
def test_what_cannot_be_chosen(wanted: float) -> None:
    with pytest.raises(InputError, match="of 40 cannot be chosen"):
        choose(NAMES, wanted, 0)


def test_cases_by_the_ends_of_their_names() -> None:
    assert choose_cases(NAMES, ["0003", "case0001"]) == ["case0001", "case0003"]
    assert choose_cases(NAMES, "0007") == ["case0007"]
    assert choose_cases(NAMES, "synapse-test") == [f"case{end}" for end in PUBLISHED["synapse-test"]]
    assert choose_cases(["05", "case05"], ["05"]) == ["05"]
    assert len(choose_cases(NAMES, 0.5, seed=3)) == 20


def test_the_published_lists_of_synapse_share_the_labelled_cases() -> None:
    labelled = [f"img{number:04d}" for number in (*range(1, 11), *range(21, 41))]
    train, test = (choose_cases(labelled, name) for name in ("synapse-train", "synapse-test"))
    assert (len(train), len(test)) == (18, 12)
    assert sorted(train + test) == labelled


def test_cases_that_are_not_there_or_not_one() -> None:
    with pytest.raises(InputError, match="0 of 40 cases are called 0099; there are case0000"):
        choose_cases(NAMES, ["0001", "0099"])
    with pytest.raises(InputError, match="4 of 40 cases are called 7"):
        choose_cases(NAMES, ["7"])
