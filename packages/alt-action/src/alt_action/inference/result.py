"""The result: which action a clip shows, how sure that is, and where the entities are that decided it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.files import atomic_path
from visioncore.inference.result import BaseResult, result_path
from visioncore.report import write_json

from ..data.clips import Pixels
from .figures import draw_clip
from .seen import SeenFrame, mean_shares, plain_shares

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NONE = "none of these"
"""The verdict on a clip that is most like a label of the background."""
TOP = 5
"""Labels, and entities of a frame, that are written."""


@dataclass(frozen=True, eq=False, repr=False)
class Result(BaseResult):
    """The action in a clip.

    Attributes:
        labels: of the actions, C.
        background: labels of what is none of these, B.
        probabilities: (C + B,) of all of them, the background last; they add up to 1.
        video: (D,), the clip's vector, of length 1.
        frames: the entities in the frames that were looked at.
        units: names of all entities.
        pixels: (S, S, 3) of each of these frames, as they were looked at; none where they were not kept.
        source: the file that the clip came from, if it came from one.
        notice: what is to be known of the weights; empty for nothing.
    """

    labels: tuple[str, ...]
    background: tuple[str, ...]
    probabilities: NDArray[np.float32]
    video: NDArray[np.float32]
    frames: tuple[SeenFrame, ...] = ()
    units: tuple[str, ...] = ()
    pixels: tuple[Pixels, ...] = ()
    source: Path | None = None
    notice: str = ""

    @property
    def values(self) -> NDArray[np.float32]:
        """The probabilities of all labels, those of the background last."""
        return self.probabilities

    @cached_property
    def top(self) -> list[tuple[str, float]]:
        """The likeliest labels and their probabilities, in descending order; of equal ones the first."""
        order = np.argsort(-self.probabilities[: len(self.labels)], kind="stable")[:TOP]
        return [(self.labels[index], float(self.probabilities[index])) for index in order.tolist()]

    @property
    def none(self) -> float | None:
        """Probability that it is none of these; None without a background."""
        return float(self.probabilities[len(self.labels) :].sum()) if self.background else None

    @property
    def verdict(self) -> str:
        """The likeliest label; `NONE` if one of the background is likelier."""
        best = self.top[0]
        return NONE if self.background and self.probabilities[len(self.labels) :].max() > best[1] else best[0]

    @property
    def margin(self) -> float:
        """By how much the likeliest of all labels is likelier than the second."""
        first, *others = sorted(self.probabilities.tolist(), reverse=True)
        return float(first - (others[0] if others else 0))

    @cached_property
    def shares(self) -> dict[str, float]:
        """Entity -> its mean share of the area over all frames, the largest first."""
        return mean_shares(self.frames)

    def __str__(self) -> str:
        sure = f"{100 * max(self.probabilities):.1f} %, {100 * self.margin:.1f} ahead"
        return f"{self.verdict[:60]}, {sure}"

    @property
    def report(self) -> dict[str, Any]:
        """The result as plain values for JSON."""
        frames = [frame.plain(TOP) for frame in self.frames]
        return {"video": self.source, **self.decision, "frames": frames, "note": self.notice or None}

    @property
    def decision(self) -> dict[str, Any]:
        """The decision and the entities behind it, as plain values for JSON."""
        return {
            "verdict": self.verdict,
            "margin": self.margin,
            "top": [{"label": label, "probability": probability} for label, probability in self.top],
            "none": self.none,
            "entities": plain_shares(self.shares, TOP),
        }

    def save(self, target: str | Path) -> Path:
        """Write labels, entities and times as JSON, and return where they are.

        Args:
            target: a file, or a folder, which gets ``<name of the video>.json``.

        Raises:
            InputError: if the suffix is another, or the file cannot be written.
        """
        return save_report(self.report, target, self.source)

    def save_regions(self, path: str | Path) -> Path:
        """Write an npz file: ``frames`` (F,), ``entities`` and ``regions`` (F, h, w), ``units``, ``video`` (D,).

        Entities are places among the units, regions count from 1, both of each patch of the crop.

        Raises:
            InputError: if it cannot be written.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                frames=np.array([frame.number for frame in self.frames]),
                entities=np.array([frame.patches for frame in self.frames]),
                regions=np.array([frame.regions for frame in self.frames]),
                units=np.array(self.units),
                video=self.video,
            )
        return path

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the likeliest labels, frames with the regions of their entities, and the entities' shares.

        Args:
            path: a file that the figure is written to as well.
        """
        labels = self.top if self.none is None else [*self.top, (NONE, self.none)]
        title = f"{self.verdict} ({self.source.name if self.source else 'clip'})"
        return draw_clip(title, labels, self.shares, self.frames, self.pixels, path)


def save_report(report: Mapping[str, Any], target: str | Path, source: Path | None) -> Path:
    """Write the report of a result as JSON and return where it is.

    Args:
        report: plain values.
        target: a file, or a folder, which gets ``<name of the video>.json``.
        source: the video, if there is one.

    Raises:
        InputError: if the suffix is another, or the file cannot be written.
    """
    path = result_path(target, f"{source.stem if source else 'action'}.json", source, "video")
    if path.suffix != ".json":
        raise InputError(f"{path}: actions are written as .json")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, report)
    return path
