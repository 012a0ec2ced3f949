"""The metrics of classified points, against golden numbers, plain loops and values worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from csc_pretrain3d.evaluation.segmentation import Confusion, predicted_classes
from visioncore.errors import InputError
from visioncore.testing.deterministic import integer_input, uniform_input

DATA = Path(__file__).parent / "data"


def published_pair() -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions of the golden case."""
    labels = integer_input("csc-seg-gt", 0, 15, (700,))
    predicted = integer_input("csc-seg-pred", 0, 17, (700,))
    predicted = np.where(uniform_input("csc-seg-agree", (700,)) < 0.6, labels, predicted)
    return labels, np.where(predicted == 16, 0, predicted)


def test_golden_numbers_of_the_published_scripts() -> None:
    labels, predicted = published_pair()
    confusion = Confusion(17)
    confusion.add(labels[:300], predicted[:300])
    confusion.add(labels[300:], predicted[300:])
    with np.load(DATA / "segmentation.npz") as golden:
        np.testing.assert_array_equal(confusion.counts, golden["confusion"])
        scores = confusion.scores()
        np.testing.assert_allclose(scores.iou, golden["iou"], atol=1e-7)
        np.testing.assert_allclose([scores.miou, scores.pooled_iou], golden["miou_fwiou"], atol=1e-7)
    assert scores.present.tolist() == [True] * 15 + [False]
    assert scores.miou_present == pytest.approx(scores.iou[:15].mean(), abs=1e-12)


def test_scores_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 5, 400), rng.integers(0, 5, 400)
    confusion = Confusion(5)
    confusion.add(labels, predicted)
    scores = confusion.scores()
    for of in range(1, 5):
        pairs = [(a, b) for a, b in zip(labels, predicted, strict=True) if a != 0]
        both = sum(a == of == b for a, b in pairs)
        either = sum(of in (a, b) for a, b in pairs)
        assert scores.iou[of - 1] == both / either
    assert scores.points == len(pairs)
    assert scores.accuracy == sum(a == b for a, b in pairs) / len(pairs)


def test_counts_stay_exact_beyond_what_float32_counts() -> None:
    confusion = Confusion(2)
    confusion.counts[1, 1] = 2**24
    confusion.add(np.array([1]), np.array([1]))
    assert confusion.counts[1, 1] == 2**24 + 1


def test_a_prediction_of_no_class_is_a_miss_unless_suppressed() -> None:
    given = np.array([[0.5, 0.1, 0.4], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2], [0.0, 0.0, 0.0]])
    labels = np.array([2, 1, 1, 0])
    found = {}
    for protocol in ("official", "suppressed"):
        confusion = Confusion(3)
        predicted = predicted_classes(given, protocol)
        assert predicted[3] == 0, "the network says nothing of this point"
        confusion.add(labels, predicted)
        found[protocol] = confusion.scores().iou.tolist()
    assert found == {"official": [0.5, 0.0], "suppressed": [1.0, 1.0]}


def test_nothing_labelled() -> None:
    confusion = Confusion(3)
    confusion.add(np.zeros(4, int), np.ones(4, int))
    scores = confusion.scores()
    assert scores.points == 0
    assert scores.miou == 1.0
    assert np.isnan([scores.miou_present, scores.pooled_iou, scores.accuracy]).all()


def test_labels_that_do_not_fit() -> None:
    confusion = Confusion(3)
    with pytest.raises(InputError, match="a scan: 3 predictions for 2 labelled points"):
        confusion.add(np.zeros(2, int), np.zeros(3, int), "a scan")
    with pytest.raises(InputError, match="a label is 3; known are the classes 0 to 2"):
        confusion.add(np.array([0, 3]), np.array([0, 1]))
    with pytest.raises(InputError, match="a prediction is -1; known"):
        confusion.add(np.array([0, 1]), np.array([0, -1]))
    assert not confusion.counts.any()
