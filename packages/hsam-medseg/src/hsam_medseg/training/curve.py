"""The curve of a run: its loss, and what validation measured, against the steps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from visioncore.report import new_figure, save_figure

LOG, CURVE = "log.jsonl", "curve.png"
"""The log that a run writes step by step, and the figure of it."""


def draw_curve(run: Path) -> Path:
    """Draw the curve of a run and return where it is.

    The loss is on the left axis; on the right one, if there was validation, the Dice of both decoders fused.

    Args:
        run: the folder of the run.

    Raises:
        InputError: if the figure cannot be written.
    """
    entries = list(_entries(run / LOG))
    losses = [(entry["step"], entry["loss"]) for entry in entries if "loss" in entry]
    dice = [(entry["step"], entry["validation"]["dice"]) for entry in entries if "validation" in entry]
    figure = new_figure(7, 4)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    axes.set_xlabel("step")
    axes.set_ylabel("loss", color="tab:blue")
    axes.plot(*_columns(losses), color="tab:blue")
    if dice:
        right = axes.twinx()
        right.set_ylabel("Dice on held-out volumes", color="tab:red")
        right.plot(*_columns(dice), color="tab:red", marker="o", markersize=3)
        step, best = max(dice, key=lambda point: point[1])
        right.set_title(f"best Dice {best:.3f} at step {step}", fontsize=10)
    save_figure(figure, run / CURVE)
    return run / CURVE


def _entries(log: Path) -> Iterator[dict[str, Any]]:
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield json.loads(line)
        except ValueError:  # cut short
            continue


def _columns(points: list[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [step for step, _ in points], [value for _, value in points]
