"""Shared parts of every ``train`` command: from its options to the summary line and the exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..cli import complain, say
from .options import HELD_OUT

if TYPE_CHECKING:
    from ..training import FitResult


def run_training(train: Callable[..., FitResult], *given: object, **options: Any) -> int:
    """Train, print the outcome, and return the exit code.

    Args:
        train: the package's function.
        given: its recipe, data and folder for the run; an empty text stands for None.
        options: its further arguments; an empty text, and ``held-out``, stand for None.
    """
    from ..training import TrainingDiverged

    unsaid = ("", HELD_OUT)
    try:
        result = train(
            *(None if value == "" else value for value in given),
            **{name: None if value in unsaid else value for name, value in options.items()},
        )
    except TrainingDiverged as error:
        complain(f"error: {error}")
        return 1
    best = ", ".join(f"{name} {value:.4g}" for name, value in result.best_metrics.items())
    weights = result.folder / ("best" if best else "last")
    say(f"{result.steps} steps{f', best {best}' if best else ''}; weights in {weights}")
    return 0
