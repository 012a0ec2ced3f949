"""Time and memory of slices, volumes and training, the reference and the fast path in turns."""

from __future__ import annotations

import math
import statistics
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from visioncore.commands.bench import Figures
from visioncore.commands.bench_file import measure_file
from visioncore.commands.description import measure
from visioncore.commands.networks import network_of
from visioncore.devices import resolve_device, resolve_dtype
from visioncore.errors import InputError
from visioncore.files import writable_folder
from visioncore.metrics.segmentation import organ_metrics
from visioncore.report import Table
from visioncore.timing import in_turns, rows_of, write_figures

from ..data.samples import to_sample
from ..data.synthetic import synthetic_volume
from ..inference.predictor import Predictor
from ..method import METHOD
from ..network.losses import training_losses
from ..network.model import HSAM
from ..network.reference import as_reference

if TYPE_CHECKING:
    from ..inference.slice_by_slice import Labels

SIDE = 512
"""Rows and columns of the volume that is segmented, as those of a CT."""
SEED = 30_000
"""Of the synthetic volume."""

COLUMNS = ("work", "path", "dtype", "batch", "ms", "slices_per_s", "ratio", "extra_mb", "dice")


def bench(
    weights: str | Path,
    out: str | Path,
    *,
    dtypes: Sequence[str] = ("float32", "bfloat16"),
    device: str = "auto",
    rounds: int = 3,
    batch: int = 8,
    slices: int = 8,
    training: bool = False,
    sam: str = "",
    say: Callable[[str], None] = warnings.warn,
) -> Figures:
    """Measure slices and a volume through `Predictor`, optionally training too, and write the numbers as JSON.

    Work ``slice`` is a slice at the network's size, ``volume`` is a synthetic volume of 512x512 slices, resizing
    included, ``training`` is forward and backward pass of a slice in float32, with and without `HSAM.recompute`. The
    reference path runs in float32, with the same batches as the others.

    Args:
        weights: a name such as ``vit_b-512`` (random weights) or anything `load_model` takes.
        out: the JSON file.
        dtypes: precisions of the fast path.
        device: where.
        rounds: how often all are measured in turn; the median counts.
        batch: slices on the device at a time where a volume is segmented.
        slices: how many the volume has.
        training: measure training too.
        sam: SAM's own checkpoint, which an adapter of the authors needs beside it.
        say: told, in one line, when a batch is halved because memory runs out.

    Returns:
        The figures; of the network ``ms`` for a slice; ``ratio``, the median over rounds of this path's time over that
        of the reference path in the same round; ``extra_mb``, the memory that a slice takes at the height of a batch,
        the weights aside, gradients included; ``dice``, the mean Dice between the labels and those of the reference
        path.

    Raises:
        InputError: if a number, a precision or the device is not what it should be, or ``out`` cannot be written.
    """
    place = resolve_device(device)
    for dtype in dtypes:
        resolve_dtype(dtype, place)
    for name, count in (("rounds", rounds), ("batch", batch), ("slices", slices)):
        if count < 1:
            raise InputError(f"{name} is {count}; at least one is needed")
    writable_folder(Path(out).parent)
    model = network_of(METHOD, weights, sam=sam).to(place)
    paths = [("reference", "float32", as_reference(model)), *(("fast", dtype, model) for dtype in dtypes)]
    predictors = {
        (path, dtype): Predictor(network, place, dtype=dtype, batch=batch, notify=say) for path, dtype, network in paths
    }
    scan, labels = synthetic_volume(SEED, (slices, SIDE, SIDE))
    sample = to_sample(scan[slices // 2], labels[slices // 2], model.config.image_size)
    image = sample["image"][None].to(place)
    table = Table(COLUMNS)
    _compare(table, "slice", 1, predictors, lambda predictor: _labels(predictor, image), rounds)
    _compare(table, "volume", slices, predictors, lambda predictor: predictor.segment(scan), rounds)
    if training:
        _measure_training(table, model, sample, rounds)
    about = {
        "network": str(weights),
        "config": model.config,
        "operations": 2 * measure(METHOD, model.config).multiply_accumulates,
    }
    file = measure_file(METHOD, weights, place, rounds, sam=sam)
    write_figures(out, table, place, rounds, volume=scan.shape, **about, file=file and rows_of(file))
    return Figures(table, file)


def _compare(
    table: Table,
    work: str,
    slices: int,
    predictors: Mapping[tuple[str, str], Predictor],
    run: Callable[[Predictor], Labels],
    rounds: int,
) -> None:
    """Add a row for each path, the first of which is the reference path: what it takes for a work of so many slices."""
    device = next(iter(predictors.values())).device
    timed = in_turns({path: partial(run, predictor) for path, predictor in predictors.items()}, device, rounds)
    reference = next(iter(predictors))
    expected, classes = timed[reference].output, len(predictors[reference].model.config.classes)
    for path, predictor in predictors.items():
        found = timed[path]
        dice = None if path == reference else _dice(found.output, expected, classes)
        each, batch = found.seconds / slices, min(predictor.segmenter.batch, slices)
        table.add(work, *path, batch, 1000 * each, 1 / each, found.ratio, found.extra_mb / batch, dice)


def _measure_training(table: Table, model: HSAM, sample: Mapping[str, Tensor], rounds: int) -> None:
    """Add a row for a slice in training, and one for the same with recomputation."""
    model.unfold().train()
    place = next(model.parameters()).device
    image = sample["image"][None].to(place)
    # The network may have fewer classes than the volume has organs.
    most = model.config.channels - 1
    label, low_label = (sample[name][None].clamp(max=most).to(place) for name in ("label", "low_label"))

    def step() -> None:
        losses = training_losses(model(image), label, low_label, epoch=0)
        torch.stack([*losses.values()]).sum().backward()
        model.zero_grad()

    for name, recompute in (("kept", False), ("recomputed", True)):
        model.recompute(recompute)
        timed = in_turns({name: step}, place, rounds)[name]
        table.add("training", name, "float32", 1, 1000 * timed.seconds, 1 / timed.seconds, None, timed.extra_mb, None)


def _labels(predictor: Predictor, image: Tensor) -> Labels:
    labels: Labels = predictor.run(image).argmax(dim=1).to(torch.uint8).cpu().numpy()
    return labels


def _dice(labels: Labels, reference: Labels, classes: int) -> float | None:
    """Return the mean over the classes that are in one of both, None if none is."""
    scores = [score.dice for score in organ_metrics(labels, reference, classes, "sound")]
    defined = [dice for dice in scores if not math.isnan(dice)]
    return statistics.mean(defined) if defined else None
