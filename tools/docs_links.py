"""Follow the links inside a site of HTML files, with the standard library alone."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

POINTING = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src", "iframe": "src"}


class Page(HTMLParser):
    """The targets that a page points to, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[tuple[str, str]] = []
        """(tag, address)"""
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := found.get(name))}
        address = found.get(POINTING.get(tag, ""))
        if address:
            self.targets.append((tag, address))


def read_pages(site: Path) -> dict[Path, Page]:
    """Return the pages of a site by their files."""
    return {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.resolve().rglob("*.html"))}


def dead_links(site: Path) -> list[str]:
    """Return a line for each link or file that a page names and that is not there."""
    pages = read_pages(site)
    dead = []
    for path, page in pages.items():
        for _, address in dict.fromkeys(page.targets):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = target.is_file() and site.resolve() in target.parents
            anchor = unquote(parts.fragment)
            # a script makes the anchors of some pages
            if not there or (anchor and target in pages and anchor not in pages[target].anchors):
                dead.append(f"{path.relative_to(site.resolve()).as_posix()}: {address} leads nowhere")
    return dead


def fetched_from_elsewhere(site: Path) -> list[str]:
    """Return a line for each file that a browser would fetch from another machine to show a page."""
    lines = []
    for path, page in read_pages(site).items():
        for tag, address in page.targets:
            if tag != "a" and urlsplit(address).netloc:
                lines.append(f"{path.relative_to(site.resolve()).as_posix()}: <{tag}> {address}")
    return lines
