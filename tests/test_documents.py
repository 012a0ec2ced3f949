"""What stands beside the code: the citation file knows every method, READMEs are short, links lead somewhere, the issue
forms are forms."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from isolation import METHOD_FOLDERS
from visioncore.main import main as visioncore_main
from visioncore.methods import Method, load
from visioncore.testing.readme import code_blocks, pages
from workspace import ROOT, Member, members, read_pyproject

FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
INPUTS = ("input", "textarea", "dropdown", "checkboxes")
METHODS = [member for member in members() if member.folder.startswith("packages/")]
MOST_WORDS = 900
"""Of a README; what is longer stands in ``docs`` beside it."""


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_citation_file() -> None:
    citation = read(ROOT / "CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert citation["license"] == "Apache-2.0"
    assert {"title", "message", "authors", "type"} <= citation.keys()
    for reference in citation["references"]:
        assert {"type", "title", "authors"} <= reference.keys()


@pytest.mark.parametrize("member", METHODS, ids=lambda member: member.name)
def test_every_paper_is_cited(member: Member) -> None:
    points = read_pyproject(ROOT / member.folder)["project"]["entry-points"]["visioncore.methods"]
    record: Method = load(points[member.name])
    references = {reference["title"]: reference for reference in read(ROOT / "CITATION.cff")["references"]}
    assert record.paper in references
    names = [f"{author['given-names']} {author['family-names']}" for author in references[record.paper]["authors"]]
    assert ", ".join(names) == record.authors
    if record.arxiv:
        identifiers = [entry["value"] for entry in references[record.paper]["identifiers"]]
        assert f"arXiv:{record.arxiv}" in identifiers
    assert f"](packages/{member.name})" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("member", METHODS, ids=lambda member: member.name)
def test_readmes_are_short(member: Member) -> None:
    words = len((ROOT / member.folder / "README.md").read_text(encoding="utf-8").split())
    assert words <= MOST_WORDS, f"{words} words; let a page in docs/ have the rest"


def prose(page: Path) -> str:
    """Return the text of a page without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def links(page: Path) -> list[tuple[Path, str]]:
    """Return the files that a page links to, each with the heading that is meant, empty for none."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    parts = [target.partition("#") for target in found if "://" not in target]
    return [(page.parent / path if path else page, heading) for path, _, heading in parts]


def dead_links(page: Path) -> list[str]:
    """Return the links of a page that lead to no file, or to no heading of it."""
    dead = []
    for path, heading in links(page):
        headings = re.findall(r"^#+ (.*)$", prose(path), flags=re.M) if path.is_file() and heading else []
        anchors = {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in headings}
        if not path.exists() or (heading and heading not in anchors):
            dead.append(f"{path}#{heading}" if heading else str(path))
    return dead


@pytest.mark.parametrize("member", members(), ids=lambda member: member.name)
def test_links_lead_somewhere(member: Member) -> None:
    readme, *others = pages(ROOT / member.folder / "README.md")
    assert [line for page in (readme, *others) for line in dead_links(page)] == []
    linked = {path.resolve() for path, _ in links(readme)}
    assert [page.name for page in others if page.parent.name == "docs" and page.resolve() not in linked] == []


def test_dead_links_are_seen(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("## Why so?\n```\n## Code\n```\n[a](#why-so) [b](other.md) [c](page.md#code)\n")
    assert dead_links(tmp_path / "page.md") == [f"{tmp_path / 'other.md'}", f"{tmp_path / 'page.md'}#code"]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms(path: Path) -> None:
    form = read(path)
    assert {"name", "description", "body"} <= form.keys()
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert all(field["type"] in INPUTS and field["attributes"]["label"] for field in fields)
    assert all(re.fullmatch(r"[\w-]+", field["id"]) for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)
    for field in fields:
        if field["type"] in ("dropdown", "checkboxes"):
            assert field["attributes"]["options"]


def test_there_are_forms() -> None:
    assert [path.stem for path in FORMS] == ["bug", "feature", "numbers"]


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "README.md", "AGENTS.md"])
def test_files_that_documents_name_are_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w/])((?:tools|tests)/\w+\.py)\b", text))
    named |= {f"tests/{found}" for found in re.findall(r"`(test_\w+\.py)`", text)}
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", ["AGENTS.md", "docs/programs.md"])
def test_pages_for_programs_lead_somewhere(name: str) -> None:
    assert dead_links(ROOT / name) == []


def test_the_page_for_programs_says_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Every command and option in it is there, and its example runs."""
    page = ROOT / "docs" / "programs.md"
    for name, *words in (line.split() for line in "".join(code_blocks(page, "bash")).splitlines()):
        if name == "visioncore":
            assert visioncore_main([words[0], "--help"]) == 0
            told = capsys.readouterr().out
            assert [word for word in words if word.startswith("--") and word not in told] == []
    (example,) = code_blocks(page, "python")
    exec(compile(example, str(page), "exec"), {})
    assert "nerdrain-derain Apache-2.0 [('PSNR on Y', 34.5, 'dB')" in capsys.readouterr().out


def test_the_way_to_a_new_method_is_short() -> None:
    """The page gives the order of the work; the code is in the example."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    assert "```python" not in text
    assert [folder for level in METHOD_FOLDERS for folder in level if f"`{folder}" not in text] == []
