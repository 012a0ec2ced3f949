"""All scores of pairs of scanpaths, by one of the two protocols that differ in how short ones are filled up."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..network.scanmatch import scanmatch
from ..network.scanpaths import Floats, Frame, Scanpaths
from .multimatch import PARTS, multimatch
from .string_edit import string_edit_distance
from .time_delay import time_delay_similarity

Pad = Literal["all", "multimatch"]

METRICS = (
    *("scanmatch", "scanmatch_without_duration", "multimatch"),
    *(f"multimatch_{part}" for part in PARTS),
    *("sed", "stde"),
)
"""Names of the scores; of SED less is better, of all others more."""

LEAST = 3
"""Fixations; scanpaths of fewer are filled up."""

_PAIRS_AT_A_TIME = 4096


def scores(predicted: Scanpaths, reference: Scanpaths, frame: Frame, pad: Pad = "all") -> dict[str, Floats]:
    """Return each of `METRICS` of pairs of scanpaths, (M,); MultiMatch is NaN where it is not defined.

    Args:
        predicted: M scanpaths in pixels of the frame, seconds.
        reference: what they are measured against.
        frame: its size.
        pad: fill up scanpaths of one or two fixations for all metrics, as the authors do but for Gazeformer on AiR-D
            and COCO-Search18, or for MultiMatch only.
    """
    filled = predicted.at_least(LEAST), reference.at_least(LEAST)
    pairs = filled if pad == "all" else (predicted, reference)
    parts = _in_pieces(multimatch, *filled, frame)
    return {
        "scanmatch": scanmatch(*pairs, frame, with_duration=True),
        "scanmatch_without_duration": scanmatch(*pairs, frame, with_duration=False),
        "multimatch": parts.mean(axis=1),
        **{f"multimatch_{name}": values for name, values in zip(PARTS, parts.T, strict=True)},
        "sed": _in_pieces(string_edit_distance, *pairs, frame),
        "stde": _in_pieces(time_delay_similarity, *pairs, frame),
    }


def _in_pieces(metric: object, first: Scanpaths, second: Scanpaths, frame: Frame) -> Floats:
    """Return a metric of many pairs, a few thousand at a time, so that memory does not grow with them."""
    starts = range(0, max(len(first), 1), _PAIRS_AT_A_TIME)
    parts = (slice(start, start + _PAIRS_AT_A_TIME) for start in starts)
    return np.concatenate([metric(first[part], second[part], frame) for part in parts])  # type: ignore[operator]
