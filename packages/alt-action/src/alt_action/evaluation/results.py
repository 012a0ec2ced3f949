"""Actions in files, as predict writes them, or another tool in the same form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.files import read_json
from visioncore.metrics.evaluation import find_results

from ..data.labels import Labels
from ..data.video_lists import Video
from ..network.corpus import label_text


def read_results(folder: str | Path, videos: Sequence[Video], labels: Labels) -> NDArray[np.float64]:
    """Return the probabilities (N, C) of the labels of videos; -1 for those that a result does not name.

    A result is ``<name of the video>.json``, at its place below the folder or right in it, with ``top``: a list of
    objects with ``label`` and ``probability``.

    Args:
        folder: of the results.
        videos: which ones.
        labels: of the classes.

    Raises:
        InputError: if a result is missing, cannot be read, names a label that is none of these, or a number that is no
            probability.
    """
    places = {
        video.name: [Path(video.name).with_suffix(".json").as_posix(), f"{Path(video.name).stem}.json"]
        for video in videos
    }
    found = find_results(folder, places, "result", "video")
    probabilities = np.full((len(videos), len(labels)), -1.0)
    for row, video in zip(probabilities, videos, strict=True):
        path = found[video.name]
        values = read_json(path, "a result")
        try:
            top = {label_text(each["label"]): float(each["probability"]) for each in values["top"]}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path}: no result; it should have top, a list of labels and probabilities") from error
        for text, probability in top.items():
            if text not in labels.by_text:
                raise InputError(f"{path}: {text!r} is not one of the {len(labels)} labels")
            if not 0 <= probability <= 1:
                raise InputError(f"{path}: the probability of {text!r} is {probability}; it must be from 0 to 1")
            row[labels.by_text[text]] = probability
    return probabilities
