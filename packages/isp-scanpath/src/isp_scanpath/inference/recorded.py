"""Scanpaths that were recorded, found again for what is predicted: by the path of the image, in its own pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from visioncore.errors import InputError, some

from ..data.trials import ScanpathData, Trial
from ..network.scanpaths import Floats
from .result import Result


def trials_on(data: ScanpathData, sources: Sequence[Path], task: str = "") -> Mapping[Path, Sequence[Trial]]:
    """Return the trials on each image, whose path ends with what the data calls it, folders and all.

    Args:
        data: the recorded scanpaths.
        sources: the images.
        task: the trials of this task alone; empty for all.

    Raises:
        InputError: if there is none on any image, or two images have the same ones.
    """
    found: dict[str, list[Trial]] = {}
    for trial in data.trials:
        if not task or trial.task in ("", task):
            found.setdefault(Path(trial.image).as_posix(), []).append(trial)
    files: dict[str, Path] = {}
    for source in sources:
        parts = source.absolute().parts
        endings = ("/".join(parts[first:]) for first in range(len(parts)))
        image = next((ending for ending in endings if ending in found), None)
        if image is not None and files.setdefault(image, source) != source:
            raise InputError(
                f"{data.source}: its scanpaths on {image} may be those on {files[image]} or on {source}; predict one "
                "of them at a time, or name the images by their folders"
            )
    if not files:
        raise InputError(f"{data.source}: no scanpath on these images; it has those on {some(found)}")
    return {source: found[image] for image, source in files.items()}


def beside(
    result: Result, data: ScanpathData, trials: Sequence[Trial], names: Sequence[str], by_index: bool = False
) -> dict[str, Floats]:
    """Return recorded scanpaths by the names that the observers have in a result, in pixels of its image from 0.

    Those of observers who are not in the result are left out, unless nobody of the trials is in it.

    Args:
        result: what was predicted.
        data: where the trials come from.
        trials: on the image.
        names: of observers in the result who are named as in the data.
        by_index: whether others in the result are named by their index in the data.
    """
    height, width = result.image.pixels.shape[:2]
    found: dict[str, Floats] = {}
    for trial in trials:
        frame = data.frame_of(trial.image)
        origin = [data.first_pixel, data.first_pixel, 0]
        path = (trial.fixations - origin) * [width / frame.width, height / frame.height, 1.0]
        name = data.observers[trial.observer]
        found.setdefault(str(trial.observer) if by_index and name not in names else name, path)
    return {name: path for name, path in found.items() if name in result.observers} or found
