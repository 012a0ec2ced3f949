"""The losses and their weights: the golden case, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from hsam_medseg import Output
from hsam_medseg.network.losses import dice_losses, fine_weight, segmentation_loss, training_losses
from hsam_medseg.training.schedule import published_learning_rate

MakeInput = Callable[[Mapping[str, Any]], Tensor]


@pytest.fixture
def case(golden: Callable[[str], Any]) -> Any:
    return golden("losses")


@pytest.fixture
def given(case: Any, make_input: MakeInput) -> dict[str, Tensor]:
    return {name: make_input(spec) for name, spec in case.about["inputs"].items()}


@pytest.mark.parametrize("which", ["low", "full"])
def test_each_part_is_the_published_one(case: Any, given: dict[str, Tensor], which: str) -> None:
    logits, labels = given[f"{which}_logits"], given[f"{which}_labels"]
    values, rtol = case.about["values"], case.about["rtol"]
    assert F.cross_entropy(logits, labels).item() == pytest.approx(values[f"ce.{which}"], rel=rtol)
    assert dice_losses(logits, labels).mean().item() == pytest.approx(values[f"dice.{which}"], rel=rtol)
    assert segmentation_loss(logits, labels).item() == pytest.approx(values[f"total.{which}"], rel=rtol)


def test_dice_of_each_class(case: Any, given: dict[str, Tensor]) -> None:
    found = dice_losses(given["low_logits"], given["low_labels"]).tolist()
    assert found == pytest.approx(list(case.about["values"]["dice.low.per_class"].values()), rel=case.about["rtol"])


@pytest.mark.parametrize("epoch", [0, 100, 299])
def test_both_decoders_by_epoch(case: Any, given: dict[str, Tensor], epoch: int) -> None:
    values, rtol = case.about["values"], case.about["rtol"]
    losses = training_losses(
        Output(given["low_logits"], given["full_logits"]), given["full_labels"], given["low_labels"], epoch
    )
    assert fine_weight(epoch) == pytest.approx(values[f"epoch{epoch}.weight_full"], rel=rtol)
    assert sum(loss.item() for loss in losses.values()) == pytest.approx(values[f"epoch{epoch}.total"], rel=rtol)
    share = losses["fine"].item() / values["total.full"]
    assert share == pytest.approx(values[f"epoch{epoch}.weight_full"], rel=rtol)


def test_gradients_are_the_published_ones(case: Any, given: dict[str, Tensor]) -> None:
    logits = [given[f"{which}_logits"].requires_grad_() for which in ("low", "full")]
    losses = training_losses(Output(*logits), given["full_labels"], given["low_labels"], 299)
    for which, gradient in zip(("low", "full"), torch.autograd.grad(sum(losses.values()), logits), strict=True):  # type: ignore[arg-type]
        case.close(f"grad.{which}_logits", gradient)


def test_a_class_that_is_neither_there_nor_found_costs_nothing(case: Any) -> None:
    labels = torch.zeros(1, 14, 14, dtype=torch.int64)
    logits = torch.full((1, 9, 14, 14), -40.0, dtype=torch.float64)
    logits[:, 0] = 40
    found = dice_losses(logits, labels).mean().item()
    assert found == pytest.approx(case.about["values"]["dice.perfect_background_other_classes_absent"], abs=1e-10)


def test_one_decoder_alone_has_one_loss(given: dict[str, Tensor]) -> None:
    low, labels = given["low_logits"], given["low_labels"]
    losses = training_losses(Output(low, None), given["full_labels"], labels, 100)
    assert list(losses) == ["coarse"]
    assert torch.equal(losses["coarse"], segmentation_loss(low, labels))


def test_dice_is_of_the_whole_batch(given: dict[str, Tensor]) -> None:
    logits, labels = given["low_logits"], given["low_labels"].clone()
    labels[0], labels[1] = 1, 2
    beside = torch.cat(tuple(logits), dim=-1)[None], torch.cat(tuple(labels), dim=-1)[None]
    torch.testing.assert_close(dice_losses(logits, labels), dice_losses(*beside))


def test_the_published_learning_rates(case: Any) -> None:
    schedule = case.about["config"]["schedule"]
    steps, base, warmup = schedule["total_iterations"], schedule["base_lr"], schedule["warmup_iterations"]
    # the case has what is set after a step, for the next one
    for after, rate in case.about["values"]["lr_set_after_iteration"].items():
        assert published_learning_rate(int(after) + 1, steps, base, warmup) == pytest.approx(rate, rel=1e-12)
    assert published_learning_rate(0, steps, base, warmup) == pytest.approx(base / warmup, rel=1e-12)
    assert published_learning_rate(0, steps, base, 0) == published_learning_rate(1, steps, base, 0) == base
