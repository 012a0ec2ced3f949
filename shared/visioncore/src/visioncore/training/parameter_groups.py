"""Parameters that are trained at other rates, or without weight decay."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from torch import nn


class Share(NamedTuple):
    """How much of the run's learning rate and weight decay counts for a parameter."""

    rate: float = 1.0
    decay: float = 1.0


ShareOf = Callable[[str, nn.Parameter], Share]
"""Name of a parameter, and itself -> its share."""


def parameter_groups(
    model: nn.Module, trained: Iterable[nn.Parameter], weight_decay: float, shares: ShareOf | None
) -> list[dict[str, Any]]:
    """Return the groups of an optimizer, each with its ``rate``, in the model's order.

    Args:
        model: has the names.
        trained: its parameters that are trained.
        weight_decay: of the run.
        shares: of each parameter; None for all of both.
    """
    wanted, groups = {id(parameter) for parameter in trained}, dict[Share, list[nn.Parameter]]()
    for name, parameter in model.named_parameters():
        if id(parameter) in wanted:
            share = Share() if shares is None else shares(name, parameter)
            groups.setdefault(share, []).append(parameter)
    return [
        {"params": members, "rate": share.rate, "weight_decay": share.decay * weight_decay}
        for share, members in groups.items()
    ]
