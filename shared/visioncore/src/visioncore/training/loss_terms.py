"""The named terms of the loss: their sum, their mean for the log, and the watch for values that are not finite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..errors import InputError
from .ema import local_part

if TYPE_CHECKING:
    from accelerate import Accelerator

_RESERVED = ("step", "learning_rate", "samples_per_s", "memory_mb", "time")
_NEVER = torch.iinfo(torch.int64).max


class TrainingDiverged(RuntimeError):  # noqa: N818
    """The loss became NaN or infinite; the text names the step and the term in one line."""


class TermMeter:
    """Collects the loss terms of every step on the device and is read only now and then.

    Reading waits for the device and, with several processes, for all of them: every process reads at the same steps.
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator
        self._names: tuple[str, ...] = ()
        self._step_values: Tensor | None = None
        self._sums: Tensor | None = None
        self._count = 0
        self._first_bad: Tensor | None = None

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Return the sum of the terms of one micro-batch, to be minimised, and keep their values.

        Raises:
            InputError: if there is no term, one is no scalar tensor, a name is that of another figure in the log, or
                the names are not those of the step before.
        """
        if not self._names or set(terms) != set(self._names):
            self._accept(terms)
        values = torch.stack([terms[name].reshape(()) for name in self._names])
        total = values.sum()
        if not total.requires_grad:
            raise InputError("the loss does not depend on any parameter that is trained")
        kept = values.detach().float() / self._accelerator.gradient_accumulation_steps
        self._step_values = kept if self._step_values is None else self._step_values + kept
        return total

    def _accept(self, terms: Mapping[str, Tensor]) -> None:
        if self._names:
            raise InputError(f"the loss returned the terms {', '.join(terms)} after {', '.join(self._names)}")
        if not terms:
            raise InputError("the loss returned no terms; it must return at least one named scalar")
        for name, value in terms.items():
            if not isinstance(value, Tensor) or value.numel() != 1:
                raise InputError(f"loss term {name!r} is not a scalar tensor")
            if name in _RESERVED or (name == "loss" and len(terms) > 1):
                raise InputError(f"loss term {name!r} has the name of another figure in the log; rename it")
        self._names = tuple(terms)

    def end_step(self, step: int) -> None:
        """Close step ``step`` (counted from 1); all its micro-batches were given to :meth:`total`."""
        assert self._step_values is not None
        values, self._step_values = self._step_values, None
        if self._first_bad is None:
            self._first_bad = torch.full(values.shape, _NEVER, dtype=torch.int64, device=values.device)
        self._first_bad = torch.where(values.isfinite(), self._first_bad, self._first_bad.clamp(max=step))
        self._sums = values if self._sums is None else self._sums + values
        self._count += 1

    def check(self) -> None:
        """Raise if any term of any step so far was not finite in any process.

        Raises:
            TrainingDiverged: naming the first such step and its terms.
        """
        if self._first_bad is None:
            return
        steps = self._accelerator.gather(self._first_bad[None]).amin(0).tolist()
        first = min(steps)
        if first == _NEVER:
            return
        names = ", ".join(repr(name) for name, step in zip(self._names, steps, strict=True) if step == first)
        raise TrainingDiverged(
            f"step {first}: the loss is NaN or infinite in {names}; "
            "a lower learning rate, gradient clipping or float32 may help"
        )

    def means(self) -> dict[str, float]:
        """Return the mean of every term and of their sum ("loss") since the last call, and start anew."""
        assert self._sums is not None
        means = (self._accelerator.reduce(self._sums, "mean") / self._count).tolist()
        self._sums, self._count = None, 0
        return {**dict(zip(self._names, means, strict=True)), "loss": sum(means)}

    def state(self) -> dict[str, Any]:
        """Return the unread sums over all processes as numbers, and go on with exactly these."""
        if self._sums is not None:
            self._sums = self._accelerator.reduce(self._sums, "mean")
        sums = None if self._sums is None else self._sums.tolist()
        return {"names": list(self._names), "sums": sums, "count": self._count}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` returned."""
        self._names, self._count = tuple(state["names"]), state["count"]
        sums = state["sums"]
        self._sums = None if sums is None else torch.tensor(sums, device=self._accelerator.device)


def check_weights(model: nn.Module, accelerator: Accelerator, step: int) -> None:
    """Raise if a trained weight is not finite after step ``step``: a gradient can be NaN where the loss is not.

    Raises:
        TrainingDiverged: naming the first such weight.
    """
    trained = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    finite = torch.stack([local_part(parameter).isfinite().all() for _, parameter in trained]).int()
    good = accelerator.gather(finite[None]).amin(0).tolist()
    if 0 in good:
        name = trained[good.index(0)][0].removeprefix("module.")
        raise TrainingDiverged(
            f"step {step}: the weight {name!r} became NaN or infinite while the loss terms were finite; "
            "look for a root, a logarithm or a quotient whose gradient has no bound"
        )
