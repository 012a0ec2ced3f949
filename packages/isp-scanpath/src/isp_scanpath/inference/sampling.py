"""From distributions to scanpaths: drawn with a generator, or the likeliest one; and from cells to pixels."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from visioncore.errors import InputError

from ..network.actions import Actions
from ..network.losses import Sampled
from ..network.scanpaths import Frame, Scanpaths

Spread = Literal["published", "consistent"]


def draw(
    actions: Actions,
    samples: int,
    generator: torch.Generator,
    *,
    min_length: int = 1,
    temperature: float = 1.0,
    spread: Spread = "published",
) -> Sampled:
    """Return samples (R, B, n, T) of scanpaths, the same for the same state of the generator.

    Args:
        actions: the distributions.
        samples: how many, R.
        generator: on the device of the distributions, or on the CPU.
        min_length: steps before which no scanpath stops.
        temperature: below 1 likelier actions are drawn more often; durations spread less.
        spread: ``published`` takes sigma2 for a standard deviation, as the authors' numbers do, ``consistent`` for the
            variance that the loss takes it for.

    Raises:
        InputError: if a number is out of its range.
    """
    check_sampling(samples, min_length, temperature)
    shape = actions.mu.shape
    probabilities = _allowed(actions.logits / temperature, min_length).softmax(dim=-1)
    flat = probabilities.flatten(0, -2).to(generator.device)
    drawn = torch.multinomial(flat, samples, replacement=True, generator=generator)
    cells = drawn.t().reshape(samples, *shape).to(actions.logits.device)
    noise = torch.randn((samples, *shape), generator=generator, device=generator.device, dtype=actions.mu.dtype)
    deviation = actions.sigma2 if spread == "published" else actions.sigma2.sqrt()
    durations = (noise.to(actions.mu.device) * deviation * temperature + actions.mu).exp()
    return Sampled(cells, durations)


def check_sampling(samples: int, min_length: int, temperature: float) -> None:
    """Validate the arguments of `draw`.

    Raises:
        InputError: if a number is out of its range.
    """
    if samples < 1 or min_length < 0 or not (temperature > 0 and math.isfinite(temperature)):
        raise InputError(
            f"samples is {samples}, min_length {min_length}, temperature {temperature}; they must be at least 1, at "
            "least 0, and above 0"
        )


def likeliest(actions: Actions, *, min_length: int = 1) -> Sampled:
    """Return the one scanpath (1, B, n, T) of the likeliest action and the median duration at every step."""
    cells = _allowed(actions.logits, min_length).argmax(dim=-1)
    return Sampled(cells.unsqueeze(0), actions.mu.exp().unsqueeze(0))


def _allowed(logits: Tensor, min_length: int) -> Tensor:
    """Return logits that forbid to stop in the first steps."""
    logits = logits.clone()
    logits[..., :min_length, 0] = -math.inf
    return logits


def decode(sampled: Sampled, grid: tuple[int, int], frame: Frame) -> Scanpaths:
    """Return scanpaths in pixels of a frame, the axes of the samples in a row: each fixation in the middle of its cell.

    Args:
        sampled: actions and durations.
        grid: rows and columns of the cells.
        frame: size of what the grid covers.
    """
    steps = sampled.cells.shape[-1]
    cells = sampled.cells.reshape(-1, steps).cpu().numpy() - 1
    row, column = np.divmod(np.maximum(cells, 0), grid[1])
    durations = sampled.durations.detach().reshape(-1, steps).double().cpu().numpy()
    x, y = (column + 0.5) * frame.width / grid[1], (row + 0.5) * frame.height / grid[0]
    lengths = sampled.duration_mask.reshape(-1, steps).sum(dim=-1).long().cpu().numpy()
    inside = np.arange(steps) < lengths[:, None]
    fixations = np.where(inside[..., None], np.stack([x, y, durations], axis=-1), 0.0)
    return Scanpaths(fixations, lengths)
