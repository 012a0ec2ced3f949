"""Gaze over time, and how long each zone was looked at, from the records of a video."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from visioncore.report import save_figure
from visioncore.report.figures import new_figure

from ..data.conventions import official_angles
from ..data.zones import COARSE_ZONES
from .records import NO_FACE, FrameGaze

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNSEEN = "no face"


def plot_gaze(records: Sequence[FrameGaze], path: str | Path | None = None) -> Figure:
    """Draw yaw and pitch of the first face over time, and the seconds for which each zone was looked at.

    Args:
        records: of one video, in the order of its frames.
        path: a file that the figure is written to as well.

    Raises:
        InputError: if it cannot be written.
    """
    # the face with the lowest id is the first that was seen
    first = min((record.face for record in records if record.face != NO_FACE), default=NO_FACE)
    followed = [record for record in records if record.face in (first, NO_FACE)]
    times = np.array([record.time for record in followed])
    angles = np.full((len(followed), 2), np.nan)
    for number, record in enumerate(followed):
        if record.vector is not None:
            angles[number] = np.degrees(official_angles(record.vector))
    dwell = zone_seconds(followed)
    figure = new_figure(9, 5 if dwell else 3)
    figure.set_layout_engine("constrained")
    upper, *lower = figure.subplots(2 if dwell else 1, 1, squeeze=False).flat
    upper.plot(times, angles[:, 0], label="yaw (+ image right)", linewidth=1)
    upper.plot(times, angles[:, 1], label="pitch (+ image down)", linewidth=1)
    upper.set_ylabel("degrees, camera frame")
    upper.set_xlabel("seconds")
    upper.legend(loc="upper right", fontsize=8)
    for axis in lower:
        axis.barh(list(dwell), list(dwell.values()), color="#4477aa")
        axis.invert_yaxis()
        axis.set_xlabel("seconds looked at")
    save_figure(figure, path)
    return figure


def zone_seconds(records: Sequence[FrameGaze]) -> dict[str, float]:
    """Return for how many seconds each zone was looked at, and no face was found, the longest first.

    Zones are those of the user's own cabin if records have any, else the coarse ones. A record counts until the next
    one, the last one as long as the median of those before. Without zones there is nothing.
    """
    zones = [record.cabin_zone for record in records]
    if not any(zones):
        zones = [None if record.region is None else COARSE_ZONES[record.region] for record in records]
    if not any(zones):
        return {}
    times = np.array([record.time for record in records])
    steps = np.diff(times)
    steps = np.append(steps, np.median(steps) if len(steps) else 0.0)
    seconds = Counter[str]()
    for zone, step in zip(zones, steps.tolist(), strict=True):
        seconds[UNSEEN if zone is None else zone] += step
    return dict(seconds.most_common())
