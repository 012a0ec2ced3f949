"""Figures of a drive: its glances over time, time for each zone, transitions, gaze angles over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from visioncore.report import new_figure

from ..data.conventions import official_angles
from ..inference.records import FrameGaze
from .glance_tables import dwell_table
from .glances import Drive, driver_frames

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ON, OFF, FAINT = "#14665a", "#c8553d", "#d9dee5"
"""Colours of the road, of all else, and of what matters less."""
WIDTH, HIGHEST = 11.0, 100.0
"""Inches."""
MOST = 20
"""Sources that are drawn; tables have all."""


def overview(drive: Drive) -> Figure:
    """Return the glances over time, the dwell times and the transitions in one figure."""
    zones, sources = len(_zones(drive)), len(_shown(drive))
    lines, rest = sources * (0.3 * zones + 0.7), 0.32 * zones + 1.6
    figure = _figure(WIDTH, lines + rest)
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(lines, rest))[:, 0]
    _timeline(drive, above.subplots(sources, 1, squeeze=False)[:, 0].tolist())
    left, right = below.subplots(1, 2, width_ratios=(3, 2))
    _dwell(drive, left)
    _transitions(drive, right)
    return figure


def timeline(drive: Drive) -> Figure:
    """Return the glances of each source over time, a line for each zone; time without a glance is grey."""
    sources = len(_shown(drive))
    figure = _figure(WIDTH, sources * (0.3 * len(_zones(drive)) + 0.7))
    _timeline(drive, figure.subplots(sources, 1, squeeze=False)[:, 0].tolist())
    return figure


def dwell(drive: Drive) -> Figure:
    """Return the total time of each zone."""
    figure = _figure(WIDTH, 0.32 * len(_zones(drive)) + 0.9)
    _dwell(drive, figure.subplots())
    return figure


def transitions(drive: Drive) -> Figure:
    """Return how often gaze went from zone to zone."""
    side = 0.45 * len(_zones(drive)) + 2.2
    figure = _figure(side + 1.5, side)
    _transitions(drive, figure.subplots())
    return figure


def gaze_over_time(drive: Drive, records: Sequence[FrameGaze]) -> Figure:
    """Return yaw and pitch of the driver's gaze in degrees, in the frame of the camera; gaps where there is none."""
    sources = _shown(drive)
    figure = _figure(WIDTH, 2.4 * len(sources))
    for axis, source in zip(figure.subplots(len(sources), 1, squeeze=False)[:, 0], sources, strict=True):
        mine = driver_frames(source, [r for r in records if r.source == source], drive.options.face)
        angles = np.full((len(mine), 2), np.nan)
        seen = [i for i, record in enumerate(mine) if record.vector is not None]
        if seen:
            angles[seen] = np.degrees(official_angles([mine[i].vector for i in seen]))  # type: ignore[arg-type]
        for name, colour, values in zip(("yaw", "pitch"), (ON, OFF), angles.T, strict=True):
            axis.plot([record.time for record in mine], values, color=colour, linewidth=0.9, label=name)
        axis.set(title=_short(source), ylabel="degrees", xlabel="s")
        axis.legend(loc="upper right", ncols=2, frameon=False)
        _plain(axis)
    return figure


def _figure(width: float, height: float) -> Figure:
    figure = new_figure(min(width, HIGHEST), min(height, HIGHEST))
    figure.set_layout_engine("constrained")
    return figure


def _shown(drive: Drive) -> list[str]:
    return list(drive.spans)[:MOST]


def _timeline(drive: Drive, axes: Sequence[Axes]) -> None:
    zones = _zones(drive)
    for axis, source in zip(axes, _shown(drive), strict=True):
        start, end = drive.spans[source]
        axis.set_xlim(start, end)
        axis.axvspan(start, end, color=FAINT, linewidth=0)
        glances = [glance for glance in drive.glances if glance.source == source]
        axis.broken_barh([(g.start, g.duration) for g in glances], (-0.5, len(zones)), facecolors="white")
        for place, zone in enumerate(zones):
            spans = [(g.start, g.duration) for g in glances if g.zone == zone]
            axis.broken_barh(spans, (place - 0.4, 0.8), facecolors=ON if zone in drive.options.road else OFF)
        axis.set_yticks(range(len(zones)), [_short(zone) for zone in zones])
        axis.set_ylim(len(zones) - 0.5, -0.5)
        axis.set(title=_short(source), xlabel="s")
        _plain(axis)


def _dwell(drive: Drive, axis: Axes) -> None:
    zones = _zones(drive)
    rows = {str(row[0]): row for row in dwell_table(drive).rows}
    times = [float(rows[zone][3] or 0) for zone in zones]
    bars = axis.barh(range(len(zones)), times, color=[ON if zone in drive.options.road else OFF for zone in zones])
    axis.bar_label(bars, [f" {float(rows[zone][6] or 0):.1f} %" for zone in zones], fontsize=9)
    axis.set_yticks(range(len(zones)), [_short(zone) for zone in zones])
    axis.set_ylim(len(zones) - 0.5, -0.5)
    axis.set_xlim(0, 1.18 * max(times, default=0) or 1)
    axis.set(title="time of all glances", xlabel="s")
    _plain(axis)


def _transitions(drive: Drive, axis: Axes) -> None:
    zones = _zones(drive)
    places = [drive.names.index(zone) for zone in zones]
    counts = drive.transitions()[np.ix_(places, places)]
    axis.imshow(counts, cmap="Greens", vmin=0, vmax=max(2 * counts.max(initial=0), 1))
    for (row, column), count in np.ndenumerate(counts):
        if count:
            axis.text(column, row, str(count), ha="center", va="center", fontsize=9)
    names = [_short(zone) for zone in zones]
    axis.set_xticks(range(len(zones)), names, rotation=45, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(zones)), names)
    axis.set(title="transitions from (rows) to (columns)")
    _plain(axis)


def _zones(drive: Drive) -> list[str]:
    """Return the zones that were looked at, those of the road first; all if none was."""
    looked = {glance.zone for glance in drive.glances} or set(drive.names)
    return sorted((name for name in drive.names if name in looked), key=lambda name: name not in drive.options.road)


def _short(name: str) -> str:
    """Return a name as a label: its end, if it is long, without what matplotlib would take for mathematics."""
    return (name if len(name) <= 40 else f"...{name[-37:]}").replace("$", r"\$")


def _plain(axis: Axes) -> None:
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axis.spines[side].set_color(FAINT)
    axis.title.set_fontsize(10)
    axis.tick_params(labelsize=9, color=FAINT)
