"""Pages of HTML that carry their own style and need nothing from elsewhere."""

from __future__ import annotations

from html import escape

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
nav { display: flex; flex-wrap: wrap; gap: 0.5rem; margin-top: 1.25rem; }
nav a { border: 1px solid var(--line); border-radius: 999px; padding: 0.25rem 0.9rem; background: var(--card);
  text-decoration: none; font-size: 0.92rem; }
article { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.5rem;
  margin-top: 2rem; overflow-wrap: anywhere; }
@media (max-width: 640px) { body { padding: 1.5rem 0.75rem; } article { padding: 1rem; } h1 { font-size: 1.5rem; } }
.headline { font-size: 1.1rem; font-weight: 600; color: var(--accent); }
.failed .headline { color: var(--bad); }
img { display: block; width: 100%; height: auto; border-radius: 6px; margin: 1rem 0; background: #fff; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 400; font-size: 0.92rem; text-align: left; }
th + th, td + td { padding-left: 2rem; text-align: right; }
td + td { font-weight: 600; }
tr:last-child td { border-bottom: 0; }
details { margin: 0.75rem 0; }
summary { cursor: pointer; color: var(--soft); font-size: 0.92rem; }
details table { margin-top: 0.5rem; font-size: 0.92rem; }
code { font-size: 0.9em; }
"""


def html_page(title: str, subtitle: str, body: str) -> str:
    """Return a page; boxes in its body are ``<article>``, a line that counts most has the class ``headline``.

    Args:
        title: text.
        subtitle: text below it.
        body: HTML, with all text in it escaped.
    """
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="soft">{escape(subtitle)}</p>
</header>
<main>
{body}
</main>
</body>
</html>
"""
