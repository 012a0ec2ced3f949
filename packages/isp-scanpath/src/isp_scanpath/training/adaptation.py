"""New observers: a vector for someone the network does not know, from a few scanpaths, with the network frozen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, Unpack

import torch
from torch import Tensor

from visioncore.devices import resolve_device
from visioncore.errors import InputError
from visioncore.inference.batch import progress
from visioncore.weights.fingerprint import fingerprint

from ..data.datasets import read_scanpaths
from ..data.inputs import Inputs, inputs_for
from ..data.observer_vectors import ObserverVectors
from ..data.samples import by_image
from ..data.targets import encode
from ..data.trials import ScanpathData, Trial
from ..inference.running import as_seen_by
from ..network.base import ISP
from ..network.losses import Targets, supervised_losses
from ..network.weights import load_model


class Options(TypedDict, total=False):
    """Those of `adapt_observers`."""

    observers: Sequence[str]
    most: int
    steps: int
    learning_rate: float


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
    """Return the likeliest vector (E,) of an observer for all that their scanpaths tell, starting from the mean.

    Only the vector is fitted. It is held to be one of a normal distribution, as wide as the vectors that the network
    knows, so that few scanpaths move it little. What of an image does not depend on the observer is computed once. Give
    it to a `Predictor` among its ``vectors``. `adapt_observers` does it for all observers of a data set.

    Args:
        model: the network, which stays as it is.
        data: the data set of the trials.
        trials: of the observer, whose index does not count.
        inputs: of the network.
        steps: of Adam, each over all trials.
        learning_rate: of Adam, in standard deviations of the vectors that the network knows.
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
        table = model.observers.table
        mean, spread = table.mean(dim=0), table.var(dim=0).mean().sqrt() if len(table) > 1 else 1.0
        fixations = sum(float(targets.duration_mask.sum()) for _, targets, _ in seen)
        apart = torch.zeros_like(mean, requires_grad=True)
        optimizer = torch.optim.Adam([apart], lr=learning_rate)
        for _ in range(steps):
            optimizer.zero_grad()
            (0.5 * apart.square().sum() / fixations).backward()
            for look, targets, count in seen:  # one image after the other, so that memory does not grow with them
                terms = supervised_losses(look((mean + spread * apart).expand(1, count, -1)), targets)
                (sum(terms.values()) * (count / len(trials))).backward()  # type: ignore[union-attr]
            optimizer.step()
    finally:
        for parameter in trained:
            parameter.requires_grad_()
        model.train(was_training)
    return (mean + spread * apart).detach()


def adapt_observers(
    model: ISP,
    data: ScanpathData,
    inputs: Inputs,
    *,
    observers: Sequence[str] = (),
    most: int = 0,
    steps: int = 50,
    learning_rate: float = 0.05,
) -> ObserverVectors:
    """Return a vector for each observer of a data set, see `adapt`, with their names and groups.

    Observers may have looked at other images, and at more or fewer. Where the data has splits, the training split alone
    is seen, so that the others can measure the vectors.

    Args:
        model: the network, which stays as it is.
        data: the data set.
        inputs: of the network.
        observers: names of those that are wanted; default: all.
        most: scanpaths of an observer, those of the first images by name; 0 for all.
        steps: as for `adapt`.
        learning_rate: as for `adapt`.

    Raises:
        InputError: as `adapt`; if an observer is unknown or has no scanpath in the training split.
    """
    if most < 0:
        raise InputError(f"scanpaths is {most}; it must be at least 0, for all of an observer's")
    split = any(trial.split is not None for trial in data.trials)
    there = data.part("train") if split else sorted(data.trials, key=lambda trial: (trial.image, trial.task))
    names = tuple(dict.fromkeys(observers or data.observers))
    indices = [data.observer_index(name) for name in names]
    found, counts = [], []
    with progress(len(names), "observers") as advance:
        for name, index in zip(names, indices, strict=True):
            own = [trial for trial in there if trial.observer == index][: most or None]
            if not own:
                raise InputError(f"{data.source}: no scanpath of {name} to adapt to, in the training split")
            found.append(adapt(model, data, own, inputs, steps=steps, learning_rate=learning_rate))
            counts.append(len(own))
            advance()
    groups = tuple(data.groups[index] for index in indices) if data.groups else ()
    return ObserverVectors(names, torch.stack(found).float().cpu(), groups, tuple(counts), fingerprint(model))


def adapt_to_data(
    weights: str | Path,
    data: str | Path,
    *,
    images: str | Path = "",
    features: str | Path = "",
    texts: str | Path = "",
    device: str = "auto",
    **options: Unpack[Options],
) -> ObserverVectors:
    """Return a vector for each observer of a data set, see `adapt_observers`, which takes the further options.

    Args:
        weights: whatever `load_model` takes.
        data: scanpaths, whatever `read_scanpaths` takes.
        images: the folder of photos, for ChenLSTM.
        features: the folder of stored features, for Gazeformer.
        texts: embeddings of tasks, for Gazeformer.
        device: where the network runs.

    Raises:
        InputError: as `adapt_observers`, or if weights or data are not what they should be.
    """
    known = read_scanpaths(data, images)
    model = load_model(weights).to(resolve_device(device))
    return adapt_observers(model, known, inputs_for(model.config, known, features, texts), **options)
