"""Shared parts of every ``train`` command: the summary line and the exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..cli import complain, say

if TYPE_CHECKING:
    from ..training import FitResult

HELD_OUT = "held-out"
"""Stands for a share of the training data, where a folder for validation can be given."""


def validation_folder(validation: str) -> Path | None:
    """Return the folder to validate on; None to hold out a share of the data."""
    return None if validation == HELD_OUT else Path(validation)


def run_training(train: Callable[[], FitResult]) -> int:
    """Train, print the outcome, and return the exit code."""
    from ..training import TrainingDiverged

    try:
        result = train()
    except TrainingDiverged as error:
        complain(f"error: {error}")
        return 1
    best = ", ".join(f"{name} {value:.4g}" for name, value in result.best_metrics.items())
    weights = result.folder / ("best" if best else "last")
    say(f"{result.steps} steps{f', best {best}' if best else ''}; weights in {weights}")
    return 0
