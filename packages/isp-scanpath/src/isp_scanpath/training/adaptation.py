"""New observers: a vector for someone the network does not know, from a few scanpaths, with the network frozen."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from visioncore.errors import InputError

from ..data.inputs import Inputs
from ..data.samples import by_image
from ..data.targets import encode
from ..data.trials import ScanpathData, Trial
from ..inference.running import as_seen_by
from ..network.base import ISP
from ..network.losses import Targets, supervised_losses


def adapt(
    model: ISP,
    data: ScanpathData,
    trials: Sequence[Trial],
    inputs: Inputs,
    *,
    steps: int = 50,
    learning_rate: float = 0.05,
    first_pixel: int | None = None,
) -> Tensor:
    """Return the vector (E,) under which a network finds an observer's scanpaths likeliest, starting from the mean.

    Only the vector is fitted; what of an image does not depend on the observer is computed once. Give it to a
    `Predictor` among its ``vectors``.

    Args:
        model: the network, which stays as it is.
        data: the data set of the trials.
        trials: of the observer, whose index does not count.
        inputs: of the network.
        steps: of Adam, each over all trials.
        learning_rate: of Adam.
        first_pixel: coordinate of the first pixel in targets; default: that of the data set.

    Raises:
        InputError: if there is no trial, the trials are of several observers, or a number is out of its range.
    """
    if not trials:
        raise InputError("no scanpath to adapt to; one at least is needed")
    if len({trial.observer for trial in trials}) > 1:
        names = sorted({data.observers[trial.observer] for trial in trials})
        raise InputError(f"scanpaths of {len(names)} observers ({', '.join(names)}); adapt to one at a time")
    if steps < 1 or not (learning_rate > 0 and math.isfinite(learning_rate)):
        raise InputError(f"steps is {steps} and learning_rate {learning_rate}; they must be at least 1 and above 0")
    pixel = data.first_pixel if first_pixel is None else first_pixel
    ordered = sorted(trials, key=lambda trial: (trial.image, trial.task))
    device, was_training = model.observers.table.device, model.training
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.eval().requires_grad_(False)
    try:
        seen = []
        for group in by_image(ordered):
            frames = [data.frame_of(trial.image) for trial in group]
            paths = [trial.fixations for trial in group]
            targets = encode(paths, frames, model.config.grid, model.config.steps, first_pixel=pixel)
            given = {name: value[None].to(device) for name, value in inputs(group[0].image, group[0].task).items()}
            with torch.no_grad():
                look = as_seen_by(model, given)
            seen.append((look, Targets(*(value[None].to(device) for value in targets)), len(group)))
        vector = model.observers.table.mean(dim=0).clone().requires_grad_()
        optimizer = torch.optim.Adam([vector], lr=learning_rate)
        for _ in range(steps):
            optimizer.zero_grad()
            for look, targets, count in seen:  # one image after the other, so that memory does not grow with them
                terms = supervised_losses(look(vector.expand(1, count, -1)), targets)
                (sum(terms.values()) * (count / len(trials))).backward()  # type: ignore[union-attr]
            optimizer.step()
    finally:
        for parameter in trained:
            parameter.requires_grad_()
        model.train(was_training)
    return vector.detach()
