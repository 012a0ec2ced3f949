"""Tables of a drive's glances, and what they sum up to."""

from __future__ import annotations

from pathlib import Path

from visioncore.report import Table, save_tables

from .glances import Drive, Glance

LONG = 2.0
"""Seconds beyond which a time off the road counts as long."""


def summary(drive: Drive) -> dict[str, float]:
    """Return the measures of a drive by their names; shares are of all glances' time.

    ``s_without_data`` is time without a face or zone, or of stays too short for a glance.
    """
    total, looked = drive.seconds, drive.glance_seconds
    off = [glance.duration for glance in drive.off_road()]
    off_road = sum(glance.duration for glance in drive.glances if not drive.is_road(glance))
    return {
        "s": total,
        "s_without_data": total - looked,
        "frames": drive.frames,
        "percent_frames_without_face": _percent(drive.without_face, drive.frames),
        "percent_frames_without_zone": _percent(drive.without_zone, drive.frames),
        "glances": len(drive.glances),
        "transitions": int(drive.transitions().sum()),
        "eyes_off_road_s": off_road,
        "eyes_off_road_percent": _percent(off_road, looked),
        "times_off_road": len(off),
        "longest_off_road_s": max(off, default=0.0),
        "mean_off_road_s": sum(off) / len(off) if off else 0.0,
        f"times_off_road_over_{LONG:g}_s": sum(duration > LONG for duration in off),
    }


def dwell_table(drive: Drive) -> Table:
    """Return for each zone how often and how long it was looked at, in seconds and in percent of all glances' time."""
    table = Table(("zone", "road", "glances", "total_s", "mean_s", "longest_s", "percent", "per_minute"))
    minutes = drive.glance_seconds / 60
    for zone in drive.names:
        durations = [glance.duration for glance in drive.glances if glance.zone == zone]
        total, count = sum(durations), len(durations)
        mean, longest = (total / count, max(durations)) if count else (None, None)
        often = count / minutes if minutes else None
        road = "yes" if zone in drive.options.road else "no"
        table.add(zone, road, count, total, mean, longest, _percent(total, drive.glance_seconds), often)
    return table


def transition_table(drive: Drive) -> Table:
    """Return how often gaze went from each zone (rows) to each other (columns); zones never looked at are left out."""
    looked = [i for i, name in enumerate(drive.names) if any(glance.zone == name for glance in drive.glances)]
    table = Table(("from", *(drive.names[i] for i in looked)))
    counts = drive.transitions()
    for i in looked:
        table.add(drive.names[i], *(int(counts[i, j]) for j in looked))
    return table


def glance_table(drive: Drive) -> Table:
    """Return the glances in their order, times in seconds."""
    table = Table(("source", "zone", "start_s", "end_s", "duration_s"))
    for glance in drive.glances:
        table.add(glance.source, glance.zone, glance.start, glance.end, glance.duration)
    return table


def off_road_table(drive: Drive, most: int = 10) -> Table:
    """Return the longest times off the road, longest first, with the zone that was looked at last."""
    table = Table(("source", "start_s", "duration_s", "last_zone"))
    longest: list[Glance] = sorted(drive.off_road(), key=lambda glance: -glance.duration)
    for glance in longest[:most]:
        table.add(glance.source, glance.start, glance.duration, glance.zone)
    return table


def save_glances(drive: Drive, out: str | Path) -> None:
    """Write ``dwell``, ``transitions`` and ``glances`` as ``.md`` and ``.csv``, and ``report.json``, into a folder.

    Raises:
        InputError: if they cannot be written.
    """
    tables = {"dwell": dwell_table(drive), "transitions": transition_table(drive), "glances": glance_table(drive)}
    report = {"summary": summary(drive), "options": drive.options, "spans_s": drive.spans, "zones": drive.names}
    save_tables(out, tables, report)


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0
