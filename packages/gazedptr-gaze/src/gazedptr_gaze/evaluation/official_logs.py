"""The authors' log files of predictions: ``<epoch>.log_dir`` for gazes, ``<epoch>.log_zone`` beside it for zones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError, some
from visioncore.files import write_text

from ..data.texts import read_utf8
from ..inference.folds import Predictions
from .angular import published_angular_error
from .zones import official_tester_ap

GAZES, ZONES = ".log_dir", ".log_zone"
HEADER = "name results gts"
EPOCH = 0
"""Named in the last lines; the authors' tester is run on the weights of an epoch."""
LOGGED = "log"
"""Name of the zone head where nobody says which it was."""

Array = NDArray[np.float64]


def write_logs(
    path: str | Path, names: Sequence[str], found: Predictions, gaze: Array, zone: NDArray[np.int64]
) -> None:
    """Write predictions, and labels, as the authors' tester does.

    Args:
        path: of the gazes, ``*.log_dir``; zones go beside it, those of the head that counts.
        names: of the images.
        found: the predictions.
        gaze: (N, 2) labels, yaw and pitch in radians, in the frame of the normalised camera.
        zone: (N,) labels.

    Raises:
        InputError: if a file cannot be written.
    """
    rows = zip(names, found.gaze, gaze, strict=True)
    lines = [HEADER, *(f"{name} {_pair(ours)} {_pair(label)}" for name, ours, label in rows)]
    lines.append(f"[{EPOCH}] Total Num: {len(names)}, avg: {published_angular_error(found.gaze, gaze).mean()}")
    write_text(path, "\n".join(lines) + "\n")
    if found.zones:
        zones = found.zones[found.counts]
        lines = [f"{name} {ours} {label}" for name, ours, label in zip(names, zones, zone, strict=True)]
        lines += [f"[{EPOCH}] AP: {official_tester_ap(zones, zone)}"]
        write_text(Path(path).with_suffix(ZONES), "\n".join(lines) + "\n")


def read_logs(path: str | Path, names: Sequence[str], zones: int) -> Predictions:
    """Return the predictions for the images of a fold, in the order of the fold; labels in the files are not read.

    Args:
        path: of the gazes, ``*.log_dir``; zones are read where there is a ``*.log_zone`` beside it.
        names: of the images.
        zones: how many fine zones there are.

    Raises:
        InputError: if a file cannot be read, a line is another than it should be, a zone is too high, or an image is
            missing.
    """
    gazes, _ = _read(Path(path), names, r"(\S+) ([^\s,]+),([^\s,]+) \S+", "name yaw,pitch yaw,pitch")
    beside = Path(path).with_suffix(ZONES)
    if not beside.is_file():
        return Predictions(gazes)
    found, lines = _read(beside, names, r"(\S+) (\d+) \d+", "name zone zone")
    if (wrong := found[:, 0] >= zones).any():
        first = int(wrong.argmax())
        told = f"{beside}, line {lines[first]}: zone is {found[first, 0]:.0f}"
        raise InputError(f"{told}; it should be from 0 to {zones - 1}")
    return Predictions(gazes, {LOGGED: found[:, 0].astype(np.int64)}, LOGGED)


def _pair(values: Array) -> str:
    return ",".join(repr(float(value)) for value in values)


def _read(path: Path, names: Sequence[str], form: str, told: str) -> tuple[Array, list[int]]:
    """Return the numbers of the lines that begin with a name, a row for each name, and the lines' own numbers.

    Other lines are summaries.
    """
    text = read_utf8(path).splitlines()
    wanted, rows, numbers = frozenset(names), dict[str, list[float]](), dict[str, int]()
    for number, line in enumerate(text, start=1):
        name = line.partition(" ")[0]
        if name not in wanted:
            continue
        if name in rows:
            raise InputError(f"{path}, line {number}: {name} is there twice")
        try:
            numbers[name] = number
            found = re.fullmatch(form, line.strip())
            rows[name] = [float(value) for value in found.groups()[1:]] if found else []
        except ValueError:
            rows[name] = []
        if not rows[name] or not np.isfinite(rows[name]).all():
            raise InputError(f"{path}, line {number}: {line.strip()[:100]!r}; it should read {told!r}")
    if missing := [name for name in names if name not in rows]:
        raise InputError(f"{path}: no line for {len(missing)} of {len(names)} images of the fold: {some(missing)}")
    return np.array([rows[name] for name in names]), [numbers[name] for name in names]
