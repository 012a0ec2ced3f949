"""The protocol for a network: its inputs and frame, chosen as the authors have them for the data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from visioncore.devices import resolve_device, resolve_dtype
from visioncore.errors import InputError, some
from visioncore.weights.fingerprint import fingerprint

from ..data.datasets import read_scanpaths
from ..data.inputs import inputs_for
from ..data.observer_vectors import ObserverVectors
from ..data.trials import ScanpathData, Split, Trial
from ..inference.running import predict_trials, published_frame
from ..network.base import ISP
from ..network.config import GazeformerConfig
from ..network.fast import for_inference
from ..network.scanpaths import Scanpaths
from ..network.weights import load_model
from .controls import as_others, centre_bias
from .protocols import CHEN_FRAME, Evaluation, Predict, evaluate, human_agreement
from .results import read_results
from .scores import Pad

HUMAN = "human"
"""Stands for the observers themselves, where weights can be given."""
CENTRE_BIAS = "centre-bias"
"""Stands, there too, for scanpaths that know neither image nor observer, see `centre_bias`."""

Protocol = Literal["published", "sound"]
"""``published`` lengthens short scanpaths as the authors' scripts do for the data set; ``sound`` measures them as they
are, but for MultiMatch, which needs three fixations."""


def evaluate_weights(
    data: str | Path,
    weights: str | Path = "",
    *,
    results: str | Path = "",
    others: bool = False,
    protocols: Sequence[Protocol] = ("published", "sound"),
    images: str | Path | None = None,
    features: str | Path | None = None,
    texts: str | Path | None = None,
    observers: str | Path | None = None,
    split: Split = "test",
    seeds: int = 10,
    device: str = "auto",
    dtype: str = "float32",
    batch: int = 64,
) -> dict[Protocol, Evaluation]:
    """Measure what a network predicts for every observer of a split, or scanpaths in files, or one of the baselines.

    Args:
        data: scanpaths with a split, whatever `read_scanpaths` takes.
        weights: whatever `load_model` takes, or ``human`` for how far observers agree, or ``centre-bias``.
        results: in place of weights, a folder of scanpaths, see `read_results`.
        others: measure what the network predicts for another observer than the trial's, as a control.
        protocols: by which to measure.
        images: the folder of photos, for ChenLSTM.
        features: the folder of stored features, for Gazeformer.
        texts: embeddings of tasks, for Gazeformer.
        observers: a file of vectors in place of those that the network learnt; who is not in it is the mean observer.
        split: the part of the data.
        seeds: how often scanpaths are sampled; of files, as many as each has at most.
        device: where the network runs.
        dtype: its precision, as for `Predictor`.
        batch: observers of an image on the device at a time.

    Raises:
        InputError: if the data, the weights or the results are not what they should be, or do not fit, or ``others``
            cannot be.
    """
    if unknown := [name for name in protocols if name not in get_args(Protocol)] or not protocols:
        raise InputError(f"protocols are {unknown or 'none'}; known are {', '.join(get_args(Protocol))}")
    if seeds < 1 or batch < 1:
        raise InputError(f"seeds is {seeds} and batch {batch}; each must be at least 1")
    scanpaths = read_scanpaths(data, images)
    if others and (results or str(weights) in (HUMAN, CENTRE_BIAS) or len(scanpaths.observers) < 2):
        raise InputError("others is for a network and data of at least two observers")
    of_search = scanpaths.name in ("air-d", "coco-search18")
    pads: dict[Protocol, Pad] = {"published": "all", "sound": "multimatch"}
    if str(weights) == HUMAN:
        return {name: human_agreement(scanpaths, CHEN_FRAME, split=split, pad=pads[name]) for name in protocols}
    note, frame = "", CHEN_FRAME
    if results:
        predict, seeds = read_results(results, scanpaths, scanpaths.part(split), frame, seeds)
        made_by = f"files in {results}"
    elif str(weights) == CENTRE_BIAS:
        predict, made_by = centre_bias(scanpaths, frame), "how people look at any image"
    else:
        model = load_model(weights)
        if of_search and isinstance(model.config, GazeformerConfig):
            pads["published"] = "multimatch"
        frame, note, made_by = published_frame(model.config), model.notice, f"{type(model).__name__} {weights}"
        resolved = resolve_device(device)
        network = for_inference(model, resolved, resolve_dtype(dtype, resolved))
        inputs = inputs_for(model.config, scanpaths, features, texts)
        if observers:
            vectors = _vectors(ObserverVectors.load(observers), scanpaths, model)
        else:
            vectors, scanpaths = None, scanpaths.as_known_to(model.config)
        individual = vectors is not None or _told_apart(model.config.observers, scanpaths, weights)

        def predict_all(trials: Sequence[Trial]) -> list[Scanpaths]:
            told = as_others(trials, len(scanpaths.observers)) if others else trials
            return predict_trials(
                network,
                model.config,
                told,
                inputs,
                frame,
                range(seeds),
                individual=individual,
                vectors=vectors,
                batch=batch,
            )

        predict = _at_once(predict_all)
        if others:
            made_by += " for other observers"
    return {
        name: evaluate(
            scanpaths, predict, frame, made_by=made_by, split=split, seeds=range(seeds), pad=pads[name], note=note
        )
        for name in protocols
    }


def _vectors(known: ObserverVectors, data: ScanpathData, model: ISP) -> Tensor:
    """Return the vectors of all observers of the data (n, E)."""
    known.check_fits(model.config.observer_channels, fingerprint(model))
    if not set(known.names) & set(data.observers):
        raise InputError(f"{data.source}: nobody of {some(known.names)} is in it; it has {some(data.observers)}")
    mean = model.observers.table.detach().mean(dim=0).float().cpu()
    by_name = dict(zip(known.names, known.vectors, strict=True))
    return torch.stack([by_name.get(name, mean) for name in data.observers])


def _told_apart(known: int, data: ScanpathData, weights: str | Path) -> bool:
    """Return whether a network tells observers apart; one that knows a single observer stands for all."""
    number = len(data.observers)
    if 1 < known < number:
        raise InputError(f"{data.source}: has {number} observers; the network of {weights} knows {known}")
    return known > 1


def _at_once(predict_all: Callable[[Sequence[Trial]], list[Scanpaths]]) -> Predict:
    """Return a function that predicts the trials for all seeds and protocols when it is first called."""
    known: list[list[Scanpaths]] = []

    def predict(trials: Sequence[Trial], seed: int) -> Scanpaths:
        if not known:
            known.append(predict_all(trials))
        return known[0][seed]

    return predict
