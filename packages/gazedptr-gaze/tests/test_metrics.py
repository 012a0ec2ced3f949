"""Angular errors, zones, the learning rate: held to the golden case."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gazedptr_gaze.data.zones import coarse_of_fine, read_zone_map
from gazedptr_gaze.evaluation.angular import (
    angular_error,
    average_precision,
    mean_direction_error,
    published_angular_error,
)
from gazedptr_gaze.evaluation.zones import coarse_accuracy, confusion, fine_accuracy, official_tester_ap, recalls
from gazedptr_gaze.training.schedule import epoch_rate, published_schedule
from visioncore.errors import InputError
from visioncore.testing.golden import GoldenCase


@pytest.fixture(scope="module")
def case(golden: Callable[[str], GoldenCase]) -> GoldenCase:
    """The golden case of the metrics."""
    return golden("geometry_metrics")


def test_published_errors(case: GoldenCase) -> None:
    gaze, labels = case.outputs["input/pred"], case.outputs["reader_angles"]
    errors = published_angular_error(gaze, labels)
    folds = [errors[start:stop] for start, stop in ((0, 6), (6, 13), (13, 24))]
    case.close("angular_error", errors)
    case.close("mean_error", errors.mean())
    case.close("ap", np.array(average_precision(errors)))
    case.close("fold_error", np.array([fold.mean() for fold in folds]))
    case.close("folds_error", np.concatenate(folds).mean())
    exact = angular_error(gaze, labels)
    assert errors[0] == pytest.approx(0.0256, abs=1e-4)
    assert exact[0] == 0
    np.testing.assert_allclose(exact[1:], errors[1:], atol=1e-6)


def test_error_of_a_constant() -> None:
    labels = np.array([[0.3, 0], [-0.3, 0]])
    assert mean_direction_error(labels, labels) == pytest.approx(np.degrees(0.3))


def test_errors_of_angles_far_apart() -> None:
    opposite = angular_error([[0, 0]], [[np.pi, 0]])
    assert opposite[0] == pytest.approx(180)


def test_published_zones(case: GoldenCase) -> None:
    zone, reference = case.outputs["input/zone_pred"], case.outputs["input/zone_gt"]
    counts = confusion(zone, reference)
    case.close("zone_fine_accuracy", np.array(fine_accuracy(zone, reference)))
    case.close("zone_fine_official", np.array(official_tester_ap(zone, reference)))
    case.close("zone_confusion", counts)
    case.close("zone_coarse_accuracy", np.array(coarse_accuracy(counts)))
    case.close("zone_coarse_accuracy_with0", np.array(coarse_accuracy(counts, with_elsewhere=True)))
    case.close("coarse_of_fine", coarse_of_fine())
    assert recalls(counts)["rear-view mirror"] == counts[2, 2] / counts[2].sum()


def test_a_zone_map_in_a_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    lines = [f"{fine} a{fine} {coarse}" for fine, coarse in enumerate(coarse_of_fine())]
    path = tmp_path / "class.label"
    path.write_text("\n".join(lines))
    np.testing.assert_array_equal(read_zone_map(path), coarse_of_fine())
    for changed, told in (
        (lines[:7] + lines[8:], "zone 7 is missing; there should be a line for each from 0 to 121"),
        ([], "no zones"),
        ([*lines, lines[3]], "line 123: zone 3 is there twice"),
        (["0 a", *lines[1:]], "line 1: '0 a'; it should be"),
        (["0 a 10", *lines[1:]], "line 1: coarse zone 10; they go to 9"),
        (["9" * 5000 + " a 1", *lines[1:]], "line 1: '999"),
    ):
        path.write_text("\n".join(changed))
        with pytest.raises(InputError, match=told):
            read_zone_map(path)
    path.write_text("\n".join(lines[:30]))
    np.testing.assert_array_equal(read_zone_map(path), coarse_of_fine()[:30])


def test_published_learning_rate(case: GoldenCase) -> None:
    case.close("lr_schedule", np.array([epoch_rate(epoch) for epoch in range(1, 81)]))
    rate = published_schedule(100, 64, 1e-3)
    # steps 2 and 102 hold the samples from 128 and from 6528 on: of epochs 2 and 66
    assert [rate(step) for step in (0, 1, 2, 6, 7, 101, 102)] == pytest.approx(
        [2e-4, 2e-4, 4e-4, 8e-4, 1e-3, 1e-3, 5e-4]
    )
