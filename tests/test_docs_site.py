"""The documentation builds without a warning, its links lead somewhere, and every method has its pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs_links import Page, dead_links, fetched_from_elsewhere
from workspace import ROOT, Member, members

METHODS = [member for member in members() if member.folder.startswith("packages/")]


def text_of(page: Path) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


def test_links_lead_somewhere(site: Path) -> None:
    assert len(list(site.rglob("*.html"))) > 100
    assert dead_links(site) == []


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    assert fetched_from_elsewhere(site) == []
    styles = "".join(path.read_text(encoding="utf-8") for path in (site / "_static").rglob("*.css"))
    assert re.findall(r"(?:@import|url\()[^;)]*//[^;)]*", styles) == []


def test_the_address_of_the_site_leads_to_its_start_page(site: Path) -> None:
    assert 'url=docs/index.html"' in (site / "index.html").read_text(encoding="utf-8")


def linked_from(page: Path) -> set[Path]:
    """Return the files that a page links to."""
    addresses = [address.partition("#")[0] for _, address in Page(page.read_text(encoding="utf-8")).targets]
    return {(page.parent / address).resolve() for address in addresses}


@pytest.mark.parametrize("member", METHODS, ids=lambda member: member.name)
def test_every_method_has_its_pages(site: Path, member: Member) -> None:
    overview = site / member.folder / "README.html"
    made = site / "docs" / "generated" / member.name
    own = [
        (site / path.relative_to(ROOT)).with_suffix(".html") for path in (ROOT / member.folder / "docs").glob("*.md")
    ]
    own.append(site / member.folder / "docs" / "notebook.html")
    wanted = (made / "commands.html", made / "api.html", overview.with_name("CHANGELOG.html"), *own)
    assert {page.resolve() for page in wanted} <= linked_from(overview)
    text = text_of(overview)
    assert text.index("A first result in three commands") < text.index(f"pip install {member.name}")
    assert overview.resolve() in linked_from(site / "docs" / "index.html")


@pytest.mark.parametrize("member", METHODS, ids=lambda member: member.name)
def test_the_api_is_described(site: Path, member: Member) -> None:
    api = (site / "docs" / "generated" / member.name / "api.html").read_text(encoding="utf-8")
    module = member.name.replace("-", "_")
    for name in ("Predictor", "load_model"):
        assert f'id="{module}.{name}"' in api
    assert "Raises" in api


def test_dead_links_are_seen(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="b.html#here">b</a><a href="b.html#there">b</a><img src="c.png">')
    (tmp_path / "b.html").write_text('<p id="here"></p><a href="https://example.org">x</a><a href="../a.html">a</a>')
    lines = [line.removesuffix(" leads nowhere") for line in dead_links(tmp_path)]
    assert lines == ["a.html: b.html#there", "a.html: c.png", "b.html: ../a.html"]


def test_what_is_fetched_from_elsewhere_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="https://example.org">x</a><script src="//example.org/x.js"></script>')
    assert fetched_from_elsewhere(tmp_path) == ["a.html: <script> //example.org/x.js"]
