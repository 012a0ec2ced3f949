"""One page that shows what every installed method can do: ``index.html`` beside the folders of the demos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ..files import write_text
from ..methods import Method
from .demo_report import DemoReport
from .pages import html_page


@dataclass(frozen=True)
class Failure:
    """A demo that did not come to its end."""

    method: str
    """Name of the method."""
    reason: str
    """The error in one line."""


def write_gallery(folder: Path, outcomes: Sequence[tuple[Method | None, DemoReport | Failure]]) -> Path:
    """Write ``index.html`` into ``folder`` and return its path.

    The page carries its own style and refers to the figures by relative links, so the folder can be moved or served.

    Args:
        folder: the folder that holds the demos' figures.
        outcomes: each method (None if its record cannot be read) with what came of its demo.

    Raises:
        InputError: if the page cannot be written.
    """
    done = sum(isinstance(outcome, DemoReport) for _, outcome in outcomes)
    cards = "\n".join(_card(folder, method, outcome) for method, outcome in outcomes)
    page = html_page(
        "Vision methods at work",
        f"{done} of {len(outcomes)} demos ran; every number on this page was measured by that run.",
        cards,
    )
    path = folder / "index.html"
    write_text(path, page)
    return path


def _card(folder: Path, method: Method | None, outcome: DemoReport | Failure) -> str:
    name = escape(outcome.method)
    state = "done" if isinstance(outcome, DemoReport) else "failed"
    lines = [f'<article id="{name}" class="{state}">']
    if method is None:
        lines.append(f"<h2>{name}</h2>")
    else:
        lines.append(f"<h2>{escape(method.title)}</h2>\n<p>{escape(method.task)}</p>")
    if isinstance(outcome, DemoReport):
        link = escape(Path(os.path.relpath(outcome.figure, folder)).as_posix())
        lines.append(f'<p class="headline">{escape(outcome.headline)}</p>')
        lines.append(f'<a href="{link}"><img src="{link}" alt="{escape(outcome.headline)}"></a>')
        rows = "".join(f"<tr><td>{escape(k)}</td><td>{v:.4g}</td></tr>" for k, v in outcome.measured.items())
        lines.append(f'<table>{rows}</table>\n<p class="soft">Took {outcome.seconds:.1f} s.</p>')
    else:
        lines.append(f'<p class="headline">Did not run</p>\n<p>{escape(outcome.reason)}</p>')
    if method is not None:
        paper = escape(method.paper)
        if method.arxiv:
            paper = f'<a href="https://arxiv.org/abs/{escape(method.arxiv)}">{paper}</a>'
        lines.append(f'<p class="soft">{paper}, {escape(method.authors)}, {escape(method.venue)}.')
        lines.append(f"Command and package: <code>{name}</code>.</p>")
    lines.append("</article>")
    return "\n".join(lines)
