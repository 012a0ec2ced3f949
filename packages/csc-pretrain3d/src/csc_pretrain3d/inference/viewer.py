"""A page that shows a point cloud: one HTML file that holds its points and needs nothing from elsewhere."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.files import write_text

from ..data.frame import Scan
from ..method import PACKAGE
from .colours import MAPS, colour_table, number_range
from .shown import Shown

MOST_POINTS = 200_000
"""Points on a page, which is then below 7 MB; of more, as many are drawn at random."""


def write_viewer(path: str | Path, scan: Scan, shown: Shown, most: int = MOST_POINTS) -> None:
    """Write a page on which a scan can be turned, coloured by class, features, intensity or height, and clicked.

    Args:
        path: the HTML file.
        scan: its points.
        shown: what is known of them.
        most: points that are kept, drawn at random where there are more; the page says so.

    Raises:
        InputError: if it cannot be written.
    """
    count = len(scan)
    chosen = np.arange(count)
    if count > most:
        chosen = np.sort(np.random.default_rng(0).choice(count, most, replace=False))
    page = files(PACKAGE) / "assets" / "viewer" / "viewer.html"
    script = files(PACKAGE) / "assets" / "viewer" / "viewer.js"
    parts = {
        "title": escape(Path(scan.name).name),
        "cloud": json.dumps(_cloud(scan, shown, chosen)).replace("</", "<\\/"),
        "script": script.read_text(encoding="utf-8"),
    }
    write_text(path, re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], page.read_text(encoding="utf-8")))


def _cloud(scan: Scan, shown: Shown, chosen: NDArray[np.intp]) -> dict[str, Any]:
    count, kept = len(scan), len(chosen)
    told = f"{count:,} points" if kept == count else f"{kept:,} of {count:,} points, drawn at random"
    numbers = {"intensity": _number(scan.intensity[chosen], "intensity", "")}
    numbers["height"] = _number(scan.points[chosen, 2], "height", "m")
    if shown.confidence is not None:
        numbers["probability"] = {"values": _encode(shown.confidence[chosen], "<f4")}
    if shown.instances is not None:
        numbers["instance"] = {"values": _encode(shown.instances[chosen], "<f4")}
    cloud: dict[str, Any] = {
        "points": _encode(scan.points[chosen], "<f4"),
        "numbers": numbers,
        "count": told,
        "notice": shown.notice,
    }
    if kept < count:
        cloud["numbered"] = _encode(chosen, "<u4")
    if shown.labels is not None and shown.colours is not None:
        cloud["labels"] = _encode(shown.labels[chosen], "<u2")
        cloud["classes"] = [
            {"name": name, "colour": colour.tolist()} for name, colour in zip(shown.names, shown.colours, strict=True)
        ]
    if shown.features is not None:
        cloud["features"] = _encode(shown.features[chosen], "u1")
    return cloud


def _number(values: NDArray[np.float32], what: str, unit: str) -> dict[str, Any]:
    assert what in MAPS
    colours = _encode(colour_table(what), "u1")
    return {"values": _encode(values, "<f4"), "range": number_range(values), "colours": colours, "unit": unit}


def _encode(values: NDArray[Any], kind: str) -> str:
    return b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode("ascii")
