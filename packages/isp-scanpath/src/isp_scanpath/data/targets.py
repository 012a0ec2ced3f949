"""Scanpaths -> what the losses take: a cell or stop at every step, durations, and which of them count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..network.losses import Targets
from ..network.scanpaths import Floats, Frame


def encode(
    paths: Sequence[Floats], frames: Sequence[Frame], grid: tuple[int, int], steps: int, *, first_pixel: int = 0
) -> Targets:
    """Return the targets (N, T) of scanpaths; what is longer than T is cut.

    Args:
        paths: N scanpaths (n, 3): x, y, seconds.
        frames: width and height that each is recorded in; fixations outside count as on the border.
        grid: rows and columns of cells.
        steps: T.
        first_pixel: coordinate of the first pixel.
    """
    cells = np.zeros((len(paths), steps), np.int64)
    durations = np.zeros((len(paths), steps), np.float32)
    lengths = np.array([min(len(path), steps) for path in paths], np.int64)
    for row, seconds, length, path, frame in zip(cells, durations, lengths, paths, frames, strict=True):
        row[:length] = 1 + cell_of(path[:length, :2], frame, grid, first_pixel)
        seconds[:length] = path[:length, 2]
    places = np.arange(steps)
    return Targets(
        cells=torch.from_numpy(cells),
        durations=torch.from_numpy(durations),
        action_mask=torch.from_numpy((places <= lengths[:, None]).astype(np.float32)),
        duration_mask=torch.from_numpy((places < lengths[:, None]).astype(np.float32)),
    )


def cell_of(points: Floats, frame: Frame, grid: tuple[int, int], first_pixel: int = 0) -> np.ndarray:
    """Return the cells (n,) of points (n, 2), row after row, from 0; arguments as for `encode`."""
    rows, columns = grid
    x, y = (points - first_pixel).T
    column = np.clip(np.trunc(x * columns / frame.width), 0, columns - 1).astype(np.int64)
    row = np.clip(np.trunc(y * rows / frame.height), 0, rows - 1).astype(np.int64)
    return row * columns + column
