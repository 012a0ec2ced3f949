"""Results as HTML: images, videos, pages and tables, links to all files, remarks and errors."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from fnmatch import fnmatch
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..panels import Panel
from .running import OUT, Shown

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
"""Endings of images that every browser shows."""
FILMS = (".mp4", ".webm")
"""And of films."""
VISIBLE = (*IMAGES, *FILMS)
MOST_SHOWN = 6
"""Files that are shown; the others can be downloaded."""
MOST_ROWS = 20
MOST_TEXT = 20_000
LARGEST_PAGE = 30 * 2**20
"""Bytes of a page that is shown inside the page."""


def address(path: Path) -> str:
    """Return the address of a file in the folder that is served; relative, so that it holds behind a proxy too."""
    return f"gradio_api/file={quote(path.as_posix())}"


def sliding(panel: Panel, run: Shown) -> tuple[str, str] | None:
    """Return input and result for the slider; None if the browser cannot show both or nothing is compared."""
    both = (run.before, *chosen(panel, run.files)[:1])
    fits = panel.compares and len(both) == 2 and all(path.suffix.lower() in IMAGES for path in both)
    return (str(both[0]), str(both[1])) if fits else None


def chosen(panel: Panel, files: Sequence[Path]) -> list[Path]:
    """Return the files that the panel shows, in its order."""
    found = [path for pattern in panel.shows for path in files if fnmatch(path.name, pattern)]
    return list(dict.fromkeys(found))[:MOST_SHOWN]


def preview(path: Path, title: str = "") -> str:
    """Return HTML that shows a file; empty if a browser cannot."""
    ending, link = path.suffix.lower(), escape(address(path))
    if ending in IMAGES:
        return f'<figure><img src="{link}" alt="{escape(title or path.name)}"></figure>'
    if ending in FILMS:
        return f'<figure><video src="{link}" controls loop autoplay muted playsinline></video></figure>'
    if ending in (".html", ".htm") and path.stat().st_size <= LARGEST_PAGE:
        # scripts run, but in an origin of their own, from which nothing of the page can be reached
        page = escape(path.read_text(encoding="utf-8", errors="replace"))
        return f'<iframe class="view" sandbox="allow-scripts" title="{escape(path.name)}" srcdoc="{page}"></iframe>'
    if ending == ".csv":
        return _table(path)
    if ending == ".json":
        return _json(path)
    return ""


def working(run: Shown) -> str:
    """Return HTML for a run that goes on."""
    return f'<p class="state working" role="status">Working, {run.seconds:.0f} s so far.</p>'


def wrong(reason: str) -> str:
    """Return HTML for an error."""
    return f'<p class="state wrong" role="alert">{escape(reason)}</p>'


def result(panel: Panel, run: Shown) -> str:
    """Return HTML for what came of a run; what the slider shows is left out."""
    if run.fault:
        return wrong(run.fault)
    shown = chosen(panel, run.files)
    if sliding(panel, run):
        shown = shown[1:]
    parts = [f'<p class="state done" role="status">Done in {run.seconds:.1f} s.</p>']
    parts += [preview(path) for path in shown]
    parts += [f'<p class="note">{escape(note)}</p>' for note in run.notes]
    parts.append('<ul class="files" aria-label="Files of the result">')
    parts += [_link(path, run.folder / OUT) for path in run.files]
    return "\n".join([*parts, "</ul>"])


def _link(path: Path, out: Path) -> str:
    name, size = path.relative_to(out).as_posix(), path.stat().st_size
    told = f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{max(size / 1e3, 0.1):.1f} kB"
    link = escape(address(path))
    return f'<li><a href="{link}" download="{escape(path.name)}">{escape(name)}</a> <span>{told}</span></li>'


def _table(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace", newline="") as lines:
        rows = [row for _, row in zip(range(MOST_ROWS + 1), csv.reader(lines), strict=False)]
    if not rows:
        return ""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{escape(_rounded(cell))}</td>' for cell in row)}</tr>" for row in rows[1:])
    table = f'<div class="table"><table><tr>{head}</tr>{body}</table></div>'
    return f"<details><summary>{escape(path.name)}</summary>{table}</details>"


def _rounded(cell: str) -> str:
    try:
        return f"{float(cell):.4g}" if "." in cell else cell
    except ValueError:
        return cell


def _json(path: Path) -> str:
    text = path.read_text(encoding="utf-8", errors="replace")[: MOST_TEXT + 1]
    try:
        text = json.dumps(_short(json.loads(text)), indent=2, ensure_ascii=False)
    except ValueError:
        text = text[:MOST_TEXT]
    return f"<details><summary>{escape(path.name)}</summary><pre>{escape(text)}</pre></details>"


def _short(value: Any) -> Any:
    """Return a value with numbers rounded and folders left out."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _short(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_short(each) for each in value]
    return value.rpartition("/")[2] if isinstance(value, str) and value.startswith("/") else value
