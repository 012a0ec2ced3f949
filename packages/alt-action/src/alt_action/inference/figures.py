"""Figures: a clip's labels and entities, and the actions in a long video over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.errors import escaped
from visioncore.report import save_figure
from visioncore.report.figures import new_figure

from .colours import draw_regions, entity_colours
from .seen import unit_place

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .result import Result
    from .windows import WindowsResult

_FRAMES = 4
_ENTITIES = 8


def draw_result(result: Result, path: str | Path | None = None) -> Figure:
    """Draw a result: its likeliest labels, a few frames with their regions, and the shares of the entities.

    Args:
        result: of a clip.
        path: a file that the figure is written to as well.

    Raises:
        InputError: if it cannot be written.
    """
    names = list(result.shares)[:_ENTITIES]
    places = [unit_place(result.units, name) for name in names]
    colours = entity_colours(places)
    shown = np.unique(np.linspace(0, len(result.pixels) - 1, _FRAMES).round().astype(int)) if result.pixels else []
    figure = new_figure(10, 4.8 if len(shown) else 2.4)
    figure.set_layout_engine("constrained")
    rows = figure.subfigures(2, 1, height_ratios=(1, 1)) if len(shown) else (figure,)
    left, right = rows[-1].subplots(1, 2)
    if len(shown):
        for axis, place in zip(rows[0].subplots(1, len(shown), squeeze=False).flat, shown, strict=True):
            frame = result.frames[place]
            axis.imshow(draw_regions(result.pixels[place], frame.patches, colours))
            axis.set_title(_when(frame.number, frame.time), fontsize=8)
            axis.axis("off")
    labels = [*result.top, *([("none of these", result.none)] if result.none is not None else [])]
    _bars(left, [(label, probability or 0.0) for label, probability in labels], "probability", "#4477aa")
    _bars(right, [(name, result.shares[name]) for name in names], "share of the area", None)
    for bar, place in zip(right.patches, places, strict=False):
        bar.set_color(colours[place] / 255)
    name = escaped(result.source.name) if result.source else "clip"
    figure.suptitle(_shorter(f"{result.verdict} ({name})", 90), fontsize=11)
    save_figure(figure, path)
    return figure


def draw_windows(result: WindowsResult, path: str | Path | None = None) -> Figure:
    """Draw the probabilities of the likeliest actions over time.

    Args:
        result: of a long video.
        path: a file that the figure is written to as well.

    Raises:
        InputError: if it cannot be written.
    """
    labels = (*result.windows[0].labels, *result.windows[0].background)
    values = result.values
    order = np.argsort(-values.max(axis=0), kind="stable")[:_ENTITIES]
    middles = (result.starts + result.ends) / 2
    figure = new_figure(9, 4)
    figure.set_layout_engine("constrained")
    axis = figure.subplots()
    for place in order.tolist():
        axis.plot(middles, values[:, place], marker="o", markersize=3, linewidth=1, label=_shorter(labels[place], 32))
    axis.set_xlabel("seconds, middle of the window")
    axis.set_ylabel("probability")
    axis.set_ylim(0, 1)
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    save_figure(figure, path)
    return figure


def _bars(axis: Any, values: list[tuple[str, float]], what: str, colour: str | None) -> None:
    axis.barh([_shorter(name, 32) for name, _ in values], [value for _, value in values], color=colour)
    axis.set_xlim(0, max([1e-9, *(value for _, value in values)]) * 1.05)
    axis.invert_yaxis()
    axis.set_xlabel(what, fontsize=8)
    axis.tick_params(labelsize=8)


def _when(number: int, time: float | None) -> str:
    return f"frame {number}" if time is None else f"{time:.2f} s"


def _shorter(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
