"""Whether the vectors of labels and the rotation of normalisation share a frame, and gazes have an origin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visioncore.report import Table

from .ivgaze import FOLDS, ORIGINAL, label_file, read_fold

LIMIT = 0.5
"""Degrees; labels with six decimals agree to 0.0002."""
NAMED = 5
"""Of the worst lines."""


@dataclass(frozen=True)
class LabelCheck:
    """How far the lines are off.

    Attributes:
        summary: a row for each fold: labels, mean and largest angle in degrees, how many are above the limit, and how
            many have a gaze origin of zero, from which no point can be projected.
        worst: texts of the worst lines above the limit, the worst first, and of lines without an origin.
    """

    summary: Table
    worst: list[str]

    @property
    def exit_code(self) -> int:
        """0 if all lines agree, else 1."""
        return 1 if self.worst else 0


def check_labels(data: str | Path, folds: Iterable[int] = FOLDS) -> LabelCheck:
    """Check for every line that the gaze in the camera's frame, rotated, is that in the virtual one, and has an origin.

    Args:
        data: the folder of IVGaze, or of data laid out as it.
        folds: which ones.

    Raises:
        InputError: if a label file cannot be read or is not what it should be.
    """
    summary = Table(["fold", "labels", "mean", "largest", "disagree", "no_origin"])
    found, bare = list[tuple[float, str]](), list[str]()
    for fold in (read_fold(data, number) for number in folds):
        angles, zero = fold.frame_error(), np.flatnonzero(~fold.origin.any(axis=1))
        bad = np.flatnonzero(angles > LIMIT)
        summary.add(str(fold.number), len(angles), float(angles.mean()), float(angles.max()), len(bad), len(zero))
        path = label_file(data, fold.number)
        for index in bad[np.argsort(-angles[bad])][:NAMED]:
            at = f"{path}, line {fold.lines[index]}: {fold.names[index]}"
            found.append((angles[index], f"{at}: {angles[index]:.2f} degrees apart"))
        path = label_file(data, fold.number, ORIGINAL)
        bare += [f"{path}: {fold.names[index]}: the gaze origin is 0,0,0, the camera itself" for index in zero]
    return LabelCheck(summary, [text for _, text in sorted(found, reverse=True)[:NAMED]] + bare[:NAMED])
