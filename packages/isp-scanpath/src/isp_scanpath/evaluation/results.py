"""Scanpaths in files, as ``predict`` writes them, to be measured whatever made them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from visioncore.errors import InputError, damage, some
from visioncore.files import check_regular

from ..data.trials import ScanpathData, Trial, make_fixations
from ..network.scanpaths import Floats, Frame, Scanpaths
from .protocols import Predict


def read_results(
    folder: str | Path, data: ScanpathData, trials: Sequence[Trial], frame: Frame, most: int
) -> tuple[Predict, int]:
    """Return a predictor that gives the scanpaths in a folder, and how many samples of each there are.

    For each image there is ``<name>.json`` as predict writes it: width and height, and under scanpaths an entry with
    observer (its name, or its index from 0 in the data), sample, x, y and duration_ms.

    Args:
        folder: the files.
        data: the data set.
        trials: those that must be there.
        frame: that scanpaths are returned in.
        most: samples that are wanted.

    Raises:
        InputError: if a file or a scanpath is missing, or is not what it should be.
    """
    _check_files(data, trials)
    files = {image: _read(Path(folder) / Path(image).with_suffix(".json")) for image in {t.image for t in trials}}
    samples: dict[tuple[str, int], list[Floats]] = {}
    by_name = _are_names(data, trials, files)
    for trial in trials:
        path, scale, entries = files[trial.image]
        name = data.observers[trial.observer]
        wanted = name if by_name else str(trial.observer)
        own = [entry for entry in entries if str(entry.get("observer")) == wanted]
        if not own:
            raise InputError(f"{path}: no scanpath of {name}, who is observer {trial.observer} of {data.source}")
        found = [
            make_fixations(f"{path}, observer {trial.observer}", e.get("x"), e.get("y"), e.get("duration_ms"))
            for e in own
        ]
        samples[trial.image, trial.observer] = [
            each * [frame.width * scale[0], frame.height * scale[1], 1] for each in found
        ]

    def predict(wanted: Sequence[Trial], seed: int) -> Scanpaths:
        return Scanpaths.of([samples[trial.image, trial.observer][seed] for trial in wanted])

    return predict, min(most, *map(len, samples.values()))


def _check_files(data: ScanpathData, trials: Sequence[Trial]) -> None:
    """Validate that no two images have their results in the same file."""
    images: dict[Path, str] = {}
    for trial in trials:
        other = images.setdefault(Path(trial.image).with_suffix(""), trial.image)
        if other != trial.image:
            raise InputError(
                f"{data.source}: {other} and {trial.image} differ in nothing but their ending; results are named as "
                "the images, with .json"
            )


_Files = Mapping[str, tuple[Path, tuple[float, float], list[dict[str, Any]]]]


def _are_names(data: ScanpathData, trials: Sequence[Trial], files: _Files) -> bool:
    """Return whether files name observers as the data does, and not by their index."""
    names, indices = True, True
    for trial in trials:
        there = {str(entry.get("observer")) for entry in files[trial.image][2]}
        names &= data.observers[trial.observer] in there
        indices &= str(trial.observer) in there
    if names and indices and any(data.observers[t.observer] != str(t.observer) for t in trials):
        raise InputError(
            f"{data.source}: its observers {some(data.observers)} are both names and indices in the results; give them "
            "other names"
        )
    return names


def _read(path: Path) -> tuple[Path, tuple[float, float], list[dict[str, Any]]]:
    """Return the file, 1 over width and height, and its scanpaths."""
    check_regular(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; results are named as the images, with .json")
    with damage(path, "damaged or no JSON file of scanpaths"):
        content: Any = json.loads(path.read_bytes())
        scale = 1 / content["width"], 1 / content["height"]
        entries = [dict(entry) for entry in content["scanpaths"]]
    return path, scale, entries
