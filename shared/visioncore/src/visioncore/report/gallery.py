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

_STYLE = """
:root { color-scheme: light dark; --text: #1c2430; --soft: #5d6878; --line: #e2e6ec; --page: #f6f7f9; --card: #fff;
  --accent: #14665a; --bad: #a3262a; }
@media (prefers-color-scheme: dark) { :root { --text: #e6eaf0; --soft: #9aa5b4; --line: #2c333d; --page: #12161b;
  --card: #1a2027; --accent: #5fc7b5; --bad: #ff8f8f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 3rem 1.25rem; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.9rem; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 1.3rem; margin: 0; }
p { margin: 0.5rem 0; }
a { color: var(--accent); }
.soft { color: var(--soft); font-size: 0.92rem; }
article { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.5rem;
  margin-top: 2rem; }
.headline { font-size: 1.1rem; font-weight: 600; color: var(--accent); }
.failed .headline { color: var(--bad); }
img { display: block; width: 100%; height: auto; border-radius: 6px; margin: 1rem 0; background: #fff; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td { padding: 0.25rem 0; border-bottom: 1px solid var(--line); }
td + td { padding-left: 2rem; text-align: right; font-weight: 600; }
tr:last-child td { border-bottom: 0; }
code { font-size: 0.9em; }
"""


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
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Vision methods at work</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>Vision methods at work</h1>
<p class="soft">{done} of {len(outcomes)} demos ran; every number on this page was measured by that run.</p>
</header>
<main>
{cards}
</main>
</body>
</html>
"""
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
