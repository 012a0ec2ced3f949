"""The report of a drive: one HTML file that holds its figures and needs nothing from elsewhere."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from visioncore.files import write_text
from visioncore.report import Table, html_page, small_png

from ..inference.records import FrameGaze
from . import glance_figures, glance_tables
from .glances import Drive

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTES = (
    "A glance lasts from the moment at which gaze moves towards a zone to the moment at which it moves away (the terms "
    "are those of ISO 15007). Time without a face or a zone is no glance. Times off the road are glances at others "
    "that follow each other without a break."
)


def write_drive_report(drive: Drive, records: Sequence[FrameGaze], path: str | Path) -> None:
    """Write the report of a drive, with all figures in the file itself.

    Args:
        drive: the glances.
        records: that they were found in.
        path: the HTML file.

    Raises:
        InputError: if it cannot be written.
    """
    measures = glance_tables.summary(drive)
    headline = (
        f"Eyes off the road for {measures['eyes_off_road_percent']:.1f} % of the time of all glances; "
        f"longest time off the road {measures['longest_off_road_s']:.1f} s"
    )
    boxes = [
        _box("Summary", f'<p class="headline">{escape(headline)}</p>', _pairs(measures), f"<p>{escape(NOTES)}</p>"),
        _box("Glances over time", _image(glance_figures.timeline(drive), "glances over time")),
        _box(
            "Time for each zone",
            _image(glance_figures.dwell(drive), "time for each zone"),
            glance_tables.dwell_table(drive).html(),
        ),
        _box(
            "Transitions",
            _image(glance_figures.transitions(drive), "transitions"),
            glance_tables.transition_table(drive).html(),
        ),
        _box("Longest times off the road", glance_tables.off_road_table(drive).html()),
        _box(
            "Gaze over time",
            "<p>Yaw to the right and pitch downwards in the image are positive, in the frame of the camera.</p>",
            _image(glance_figures.gaze_over_time(drive, records), "yaw and pitch over time"),
        ),
        _box("Options", _pairs(_options(drive))),
    ]
    sources = f"{len(drive.spans)} sources" if len(drive.spans) > 1 else next(iter(drive.spans))
    write_text(path, html_page("Glances of a drive", f"{sources}, {measures['s']:.1f} s", "\n".join(boxes)))


def _options(drive: Drive) -> dict[str, str | float]:
    options = drive.options
    return {
        "zones of the road": ", ".join(options.road),
        "shortest glance, s": options.shortest,
        "bridged without data, s": options.bridged,
        "face": options.face,
        **{f"s of {source}": end - start for source, (start, end) in drive.spans.items()},
    }


def _box(title: str, *parts: str) -> str:
    text = "\n".join(parts)
    return f"<article>\n<h2>{escape(title)}</h2>\n{text}\n</article>"


def _pairs(values: dict[str, float] | dict[str, str | float]) -> str:
    table = Table(("", ""))
    for name, value in values.items():
        table.add(name, value)
    return table.html()


def _image(figure: Figure, label: str) -> str:
    return f'<img src="data:image/png;base64,{b64encode(small_png(figure)).decode()}" alt="{escape(label)}">'
