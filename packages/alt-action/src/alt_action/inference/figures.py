"""Figures: a clip's labels and entities, and the actions in a long video over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import escaped
from visioncore.report import save_figure
from visioncore.report.figures import new_figure

from ..data.clips import Pixels
from .colours import draw_regions, entity_colours
from .seen import SeenFrame, unit_place

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FRAMES = 4
_ENTITIES = 8


def draw_clip(
    title: str,
    labels: Sequence[tuple[str, float]],
    shares: Mapping[str, float],
    frames: Sequence[SeenFrame],
    pixels: Sequence[Pixels],
    path: str | Path | None = None,
) -> Figure:
    """Draw what was found in a clip: its likeliest labels, a few frames with their regions, the shares of the entities.

    Args:
        title: above all.
        labels: with their probabilities.
        shares: of the entities, the largest first.
        frames: that were looked at.
        pixels: (S, S, 3) of each of them; none draws no frames.
        path: a file that the figure is written to as well.

    Raises:
        InputError: if it cannot be written.
    """
    names = list(shares)[:_ENTITIES]
    places = [unit_place(frames[0].units, name) for name in names]
    colours = entity_colours(places)
    figure = new_figure(10, 4.8 if pixels else 2.4)
    figure.set_layout_engine("constrained")
    grid = figure.add_gridspec(2 if pixels else 1, 2 * _FRAMES)
    if pixels:
        for column, place in enumerate(np.linspace(0, len(pixels) - 1, _FRAMES).round().astype(int).tolist()):
            axis = figure.add_subplot(grid[0, 2 * column : 2 * column + 2])
            axis.imshow(draw_regions(pixels[place], frames[place].patches, colours))
            axis.set_title(_when(frames[place]), fontsize=8)
            axis.axis("off")
    left, right = (figure.add_subplot(grid[-1, part]) for part in (slice(0, _FRAMES), slice(_FRAMES, None)))
    _bars(left, labels, "probability", ["#4477aa"] * len(labels))
    _bars(
        right, [(name, shares[name]) for name in names], "share of the area", [colours[place] / 255 for place in places]
    )
    figure.suptitle(_shorter(escaped(title), 90), fontsize=11)
    save_figure(figure, path)
    return figure


def draw_timeline(
    labels: Sequence[str], values: NDArray[np.float32], times: NDArray[np.float64], path: str | Path | None = None
) -> Figure:
    """Draw the probabilities of the likeliest labels over time.

    Args:
        labels: C of them.
        values: (W, C) probabilities.
        times: (W,) seconds.
        path: a file that the figure is written to as well.

    Raises:
        InputError: if it cannot be written.
    """
    order = np.argsort(-values.max(axis=0), kind="stable")[:_ENTITIES]
    figure = new_figure(9, 4)
    figure.set_layout_engine("constrained")
    axis = figure.subplots()
    for place in order.tolist():
        axis.plot(times, values[:, place], marker="o", markersize=3, linewidth=1, label=_shorter(labels[place], 32))
    axis.set_xlabel("seconds, middle of the window")
    axis.set_ylabel("probability")
    axis.set_ylim(0, 1)
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    save_figure(figure, path)
    return figure


def _bars(axis: Any, values: Sequence[tuple[str, float]], what: str, colours: Sequence[Any]) -> None:
    axis.barh([_shorter(name, 32) for name, _ in values], [value for _, value in values], color=colours)
    axis.set_xlim(0, max([1e-9, *(value for _, value in values)]) * 1.05)
    axis.invert_yaxis()
    axis.set_xlabel(what, fontsize=8)
    axis.tick_params(labelsize=8)


def _when(frame: SeenFrame) -> str:
    return f"frame {frame.number}" if frame.time is None else f"{frame.time:.2f} s"


def _shorter(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
