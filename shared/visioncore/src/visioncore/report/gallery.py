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
        f"{_contents(outcomes)}\n{cards}",
    )
    path = folder / "index.html"
    write_text(path, page)
    return path


def _contents(outcomes: Sequence[tuple[Method | None, DemoReport | Failure]]) -> str:
    links = " ".join(f'<a href="#{escape(each.method)}">{escape(_verb(method, each))}</a>' for method, each in outcomes)
    return f'<nav aria-label="Methods">{links}</nav>'


def _verb(method: Method | None, outcome: DemoReport | Failure) -> str:
    """Return the purpose of a method in two or three words."""
    if method is None:
        return outcome.method
    return method.panel.verb if method.panel else method.title


def _card(folder: Path, method: Method | None, outcome: DemoReport | Failure) -> str:
    """Return the card of a method: its purpose, the figure, what was gained, and folded the numbers and the paper."""
    name = escape(outcome.method)
    state = "done" if isinstance(outcome, DemoReport) else "failed"
    lines = [f'<article id="{name}" class="{state}">', f"<h2>{escape(_verb(method, outcome))}</h2>"]
    if method is not None:
        lines.append(f'<p class="soft">{escape(method.title)}: {escape(method.task)}</p>')
    if isinstance(outcome, DemoReport):
        link = escape(Path(os.path.relpath(outcome.figure, folder)).as_posix())
        # said below the figure too, so that a screen reader is not told twice
        lines.append(f'<a href="{link}"><img src="{link}" alt="Figure of the demo" loading="lazy"></a>')
        lines.append(f'<p class="headline">{escape(_sentence(outcome.headline))}</p>')
        summary = f"All {len(outcome.measured)} numbers of this run, which took {outcome.seconds:.0f} s"
        lines.append(f"<details><summary>{summary}</summary>\n{_table(outcome)}\n</details>")
    else:
        lines.append(f'<p class="headline">Did not run</p>\n<p>{escape(outcome.reason)}</p>')
    if method is not None:
        lines.append(_about(method))
    lines.append("</article>")
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _table(report: DemoReport) -> str:
    named = ((what.replace("_", " "), value) for what, value in report.measured.items())
    rows = "".join(f"<tr><td>{escape(what)}</td><td>{value:.4g}</td></tr>" for what, value in named)
    return f"<table>{rows}</table>"


def _about(method: Method) -> str:
    paper = escape(method.paper)
    if method.arxiv:
        paper = f'<a href="https://arxiv.org/abs/{escape(method.arxiv)}">{paper}</a>'
    return (
        f'<p class="soft">{paper}, {escape(method.authors)}, {escape(method.venue)}. '
        f"Command and package: <code>{escape(method.name)}</code>.</p>"
    )
