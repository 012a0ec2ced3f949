"""Training samples: an image under its task, with the scanpaths of all its observers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from ..network.config import Config
from ..network.losses import Targets
from ..network.scanpaths import Frame, Scanpaths
from .inputs import Inputs
from .targets import encode
from .trials import ScanpathData, Trial


class ScanpathSamples:
    """Samples of images, each with all its observers; where some did not see it, their places do not count.

    Args:
        data: the data set.
        trials: those to sample.
        inputs: of the network.
        config: of the network.
        frame: that rewards are measured in.
        individual: whether the network is told who looks; if not, observer 0 alone stands for everyone.
        first_pixel: coordinate of the first pixel in targets; default: that of the data set.
    """

    def __init__(
        self,
        data: ScanpathData,
        trials: Sequence[Trial],
        inputs: Inputs,
        config: Config,
        frame: Frame,
        *,
        individual: bool = True,
        first_pixel: int | None = None,
    ) -> None:
        self.data, self.inputs, self.config, self.frame, self.individual = data, inputs, config, frame, individual
        self.first_pixel = data.first_pixel if first_pixel is None else first_pixel
        self.items = by_image(trials)
        self.most = max(map(len, self.items), default=0)
        self.longest = max((len(trial.fixations) for trial in trials), default=0)

    def __len__(self) -> int:
        return len(self.items)

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return the inputs of an image, its observers (n,), or one, the targets (n, T) and the scanpaths (n, L, 3).

        Nothing is drawn from ``rng``: the authors augment nothing.
        """
        trials = self.items[index]
        observers = torch.zeros(self.most if self.individual else 1, dtype=torch.long)
        if self.individual:
            observers[: len(trials)] = torch.tensor([trial.observer for trial in trials])
        paths = [trial.fixations for trial in trials]
        frames = [self.data.frame_of(trial.image) for trial in trials]
        targets = encode(paths, frames, self.config.grid, self.config.steps, first_pixel=self.first_pixel)
        scaled = self.data.scaled(trials, self.frame)
        reference = np.zeros((self.most, self.longest, 3))
        reference[: len(trials), : scaled.fixations.shape[1]] = scaled.fixations
        lengths = np.zeros(self.most, np.int64)
        lengths[: len(trials)] = scaled.lengths
        return {
            **self.inputs(trials[0].image, trials[0].task),
            "observers": observers,
            **{name: _filled(value, self.most) for name, value in targets._asdict().items()},
            "reference": torch.from_numpy(reference),
            "reference_lengths": torch.from_numpy(lengths),
        }


def by_image(trials: Sequence[Trial]) -> list[list[Trial]]:
    """Return trials in groups of the same image and task, which stand together."""
    return [list(group) for _, group in groupby(trials, key=lambda trial: (trial.image, trial.task))]


def targets_of(batch: dict[str, Tensor]) -> Targets:
    """Return the targets in a batch of samples."""
    return Targets(*(batch[name] for name in Targets._fields))


def references_of(batch: dict[str, Tensor]) -> tuple[Scanpaths, np.ndarray]:
    """Return the scanpaths in a batch of samples (B * n), and which of these places an observer has."""
    fixations, lengths = (batch[name].flatten(0, 1).cpu().numpy() for name in ("reference", "reference_lengths"))
    return Scanpaths(fixations, lengths), lengths > 0


def _filled(values: Tensor, number: int) -> Tensor:
    return torch.cat([values, values.new_zeros(number - len(values), *values.shape[1:])])
