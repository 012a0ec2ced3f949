"""Cross entropy and Lovasz-Softmax: the golden case, and the definition word for word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from csc_pretrain3d.network.losses import segmentation_loss, segmentation_losses
from csc_pretrain3d.network.lovasz import lovasz_softmax
from visioncore.testing.deterministic import integer_input, normal_input


def test_golden_case(golden: Callable[[str], Any]) -> None:
    case = golden("segmentation")
    logits = torch.from_numpy(2 * normal_input("csc-seg-logits", (150, 17))).requires_grad_()
    labels = torch.from_numpy(integer_input("csc-seg-labels", 0, 17, (150,)))
    terms, loss = segmentation_losses(logits, labels), segmentation_loss(logits, labels)
    for name, value in (*terms.items(), ("loss", loss)):
        torch.testing.assert_close(value[None], torch.from_numpy(case.outputs[name]), rtol=1e-12, atol=1e-12)
    loss.backward()
    assert logits.grad is not None
    expected = torch.from_numpy(case.outputs["logit_gradient"])
    torch.testing.assert_close(logits.grad[:40], expected, rtol=1e-9, atol=1e-14)


def lovasz_by_definition(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Sum each sorted error times what the Jaccard loss grows by when its voxel is mistaken too, class by class."""
    losses = []
    for each in labels.unique():
        truth = labels == each
        errors = torch.where(truth, 1 - probabilities[:, each], probabilities[:, each])
        before, total, mistaken = 0.0, probabilities.new_zeros(()), torch.zeros_like(truth)
        for voxel in errors.argsort(descending=True):
            mistaken[voxel] = True
            missed, invented = int((mistaken & truth).sum()), int((mistaken & ~truth).sum())
            after = 1 - (int(truth.sum()) - missed) / (int(truth.sum()) + invented)
            total = total + errors[voxel] * (after - before)
            before = after
        losses.append(total)
    return torch.stack(losses).mean()


@pytest.mark.parametrize("classes", [2, 5])
def test_lovasz_is_its_definition(classes: int) -> None:
    generator = torch.Generator().manual_seed(classes)
    probabilities = torch.randn(40, classes + 1, dtype=torch.float64, generator=generator).softmax(1)
    labels = torch.randint(0, classes, (40,), generator=generator)  # the last class is absent
    found, expected = lovasz_softmax(probabilities, labels), lovasz_by_definition(probabilities, labels)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


def test_nothing_is_labelled() -> None:
    logits = torch.randn(6, 3, requires_grad=True)
    loss = segmentation_loss(logits, torch.zeros(6, dtype=torch.long))
    loss.backward()
    assert loss == 0
    assert logits.grad is not None
    assert logits.grad.eq(0).all()
