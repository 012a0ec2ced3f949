"""Shared parts of every ``evaluate`` command: checking options, writing and printing tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..cli import say
from ..errors import InputError

if TYPE_CHECKING:
    from ..metrics.evaluation import ImageEvaluation


def check_one_given(**options: object) -> None:
    """Check that exactly one of some options was given, such as ``weights`` or ``results``.

    Raises:
        InputError: if none was, or several.
    """
    if sum(map(bool, options.values())) != 1:
        *first, last = (f"--{name}" for name in options)
        raise InputError(f"evaluate: give either {', '.join(first)} or {last}")


def show_evaluation(evaluation: ImageEvaluation, out: Path) -> None:
    """Write the tables of an evaluation into a folder and print its summary."""
    from ..report import print_table

    evaluation.save(out)
    print_table(
        evaluation.summary(), title=f"{len(evaluation.images)} images, {evaluation.names[1]} by {evaluation.made_by}"
    )
    if evaluation.infinite:
        say(f"{evaluation.infinite} infinite values, of images equal to the clean ones, are left out of the means")
    say(f"tables: {out}")
