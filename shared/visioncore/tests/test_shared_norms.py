"""Batch norms over what several processes have, of which two are played here by threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from visioncore.training import processes


class Meeting:
    """Stands for the sum over processes between threads that take the same steps."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.barrier = threading.Barrier(count)
        self.given: dict[int, Tensor] = {}

    def summed(self, values: Tensor) -> Tensor:
        self.given[threading.get_ident()] = values.detach()
        self.barrier.wait(30)
        total = torch.stack(list(self.given.values())).sum(dim=0)
        self.barrier.wait(30)
        return total


@pytest.mark.parametrize(("make", "shape"), [(nn.BatchNorm1d, (6, 3)), (nn.BatchNorm2d, (6, 3, 4, 5))])
def test_two_shares_of_a_batch_are_normalised_as_one(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[int], nn.Module], shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    images = torch.randn(shape, dtype=torch.float64) * 3 + 1
    weight = torch.randn(shape, dtype=torch.float64)

    def run(norm: nn.Module, part: slice) -> dict[str, Tensor]:
        x = images[part].clone().requires_grad_()
        norm.double()(x).mul(weight[part]).sum().backward()
        return {"x": x.grad, "mean": norm.running_mean, "var": norm.running_var}  # type: ignore[dict-item]

    whole = run(make(3), slice(None))
    found: dict[int, Any] = {}
    meeting = Meeting(2)
    monkeypatch.setattr(processes, "summed", meeting.summed)
    monkeypatch.setattr(processes, "several", lambda: True)
    threads = []
    for rank, part in enumerate((slice(0, 2), slice(2, 6))):
        norm = make(3)
        processes.share_norms(norm)
        threads.append(threading.Thread(target=lambda r=rank, p=part, n=norm: found.update({r: run(n, p)})))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    torch.testing.assert_close(torch.cat([found[0]["x"], found[1]["x"]]), whole["x"])
    for name in ("mean", "var"):
        torch.testing.assert_close(found[0][name], whole[name])
