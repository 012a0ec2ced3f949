"""The training loss."""

from __future__ import annotations

import torch

from alt_action.network.losses import training_losses


def test_smoothed_targets() -> None:
    logits = torch.tensor([[2.0, 0, -1], [0, 1, 0]])
    logs = logits.log_softmax(dim=-1)
    first = -(0.9 * logs[0, 0] + 0.1 * logs[0].mean())
    second = -(0.9 * logs[1, 2] + 0.1 * logs[1].mean())
    found = training_losses(logits, torch.tensor([0, 2]))
    assert list(found) == ["cross_entropy"]
    torch.testing.assert_close(found["cross_entropy"], (first + second) / 2)
    torch.testing.assert_close(training_losses(logits[:1], torch.tensor([0]), 0)["cross_entropy"], -logs[0, 0])


def test_mixed_targets() -> None:
    logits = torch.randn(1, 4)
    mixed = training_losses(logits, torch.tensor([[0.3, 0, 0.7, 0]]))["cross_entropy"]
    alone = [training_losses(logits, torch.tensor([label]))["cross_entropy"] for label in (0, 2)]
    torch.testing.assert_close(mixed, 0.3 * alone[0] + 0.7 * alone[1])
