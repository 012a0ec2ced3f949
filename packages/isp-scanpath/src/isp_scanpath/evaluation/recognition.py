"""Observers told by their scanpaths: under whose vector does the network find a recorded scanpath likeliest?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..data.inputs import Inputs
from ..data.samples import by_image
from ..data.targets import encode
from ..data.trials import ScanpathData, Trial
from ..inference.running import as_seen_by
from ..network.base import ISP
from ..network.losses import EPSILON, Targets, log_normal
from ..network.scanpaths import Floats, Integers


@torch.no_grad()
def log_likelihoods(model: ISP, data: ScanpathData, trials: Sequence[Trial], inputs: Inputs, vectors: Tensor) -> Floats:
    """Return the log-likelihood (trials, n) of each recorded scanpath under each observer.

    Args:
        model: the network, in evaluation mode.
        data: the data set of the trials.
        trials: those of an image standing together.
        inputs: of the network.
        vectors: of the observers (n, E).
    """
    table = model.observers.table
    who, found = vectors.to(table)[None], []
    for group in by_image(trials):
        given = {name: value[None].to(table.device) for name, value in inputs(group[0].image, group[0].task).items()}
        actions = as_seen_by(model, given)(who)
        probabilities = actions.probabilities[0]
        paths, frames = [trial.fixations for trial in group], [data.frame_of(trial.image) for trial in group]
        targets = encode(paths, frames, model.config.grid, model.config.steps, first_pixel=data.first_pixel)
        for each in zip(*(values.to(table.device) for values in targets), strict=True):
            one = Targets(*each)
            chosen = probabilities.gather(-1, one.cells.expand(len(vectors), -1).unsqueeze(-1)).squeeze(-1)
            density = log_normal(one.durations, actions.mu[0], actions.sigma2[0])
            found.append(((chosen + EPSILON).log() * one.action_mask + density * one.duration_mask).sum(dim=-1))
    return torch.stack(found).double().cpu().numpy()


def ranks_of(likelihoods: Floats, observers: Integers) -> Integers:
    """Return the rank from 0 of the observer of each trial; of equal ones the others come first.

    Args:
        likelihoods: (trials, n).
        observers: place of the right one among the n.
    """
    rows = np.arange(len(likelihoods))
    own = likelihoods[rows, observers][:, None]
    better = likelihoods >= own
    better[rows, observers] = False
    found: Integers = better.sum(axis=1)
    return found


def together(likelihoods: Floats, observers: Integers) -> Floats:
    """Return the log-likelihood (n, n) of all scanpaths of each observer under each; NaN where there is none."""
    number = likelihoods.shape[1]
    found = np.full((number, number), np.nan)
    for observer in np.unique(observers):
        found[observer] = likelihoods[observers == observer].sum(axis=0)
    return found


def groups_by_scanpaths(likelihoods: Floats, groups: Sequence[str]) -> tuple[str | None, ...]:
    """Return the group under whose other observers the scanpaths of each are likeliest on average, None without any.

    Args:
        likelihoods: of all scanpaths of each observer under each (n, n), as `together` returns them.
        groups: of each, two at least, of two observers each.
    """
    names, found = sorted(set(groups)), list[str | None]()
    for place, row in enumerate(likelihoods):
        others = [
            [row[other] for other, group in enumerate(groups) if group == name and other != place] for name in names
        ]
        found.append(None if np.isnan(row).any() else names[int(np.argmax([np.mean(each) for each in others]))])
    return tuple(found)
