"""Names and text keep to `docs/glossary.md`: a word that it does not use stands in no identifier and in no sentence."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from workspace import ROOT, Member, members

GLOSSARY = ROOT / "docs" / "glossary.md"
TEXT = (tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING))
PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True)
class Rule:
    """A word that is not used: what it looks like, what is said instead, and in which folder alone this holds."""

    pattern: re.Pattern[str]
    instead: str
    folder: str = ""


@dataclass(frozen=True)
class Glossary:
    words: list[Rule]
    openings: list[Rule]
    exceptions: list[str]


def tables(text: str) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Yield header and rows of each Markdown table, cells stripped."""
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.M):
        header, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines())
        yield header, rows


def word(text: str) -> re.Pattern[str]:
    """Return what finds a word and its plural, or with a ``*`` at its end every word that begins so."""
    ending = r"\w*" if text.endswith("*") else "s?"
    return re.compile(rf"(?<![\w]){re.escape(text.rstrip('*'))}{ending}(?![\w])", flags=re.I)


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@cache
def glossary() -> Glossary:
    found = Glossary([], [], [])
    for header, rows in tables(GLOSSARY.read_text(encoding="utf-8")):
        for row in rows:
            if header[0] == "we say":
                found.words.extend(Rule(word(text), row[0]) for text in code(row[2]))
            elif header[0] == "not as the first words":
                found.openings.extend(Rule(re.compile(rf"{text}\b"), row[1]) for text in code(row[0]))
            elif header[0] == "not":
                found.words.extend(Rule(word(text), row[2], *code(row[1])) for text in code(row[0]))
            else:
                found.exceptions.extend(code(row[0]))
    return found


def pieces(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each piece of text with its line: of Python identifiers in words, strings and comments; else every line."""
    if path.suffix not in (".py", ".pyi"):
        yield from enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        return
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type == tokenize.NAME:
                yield token.start[0], token.string
            elif token.type in TEXT:
                yield from enumerate(token.string.splitlines(), start=token.start[0])


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the docstrings of modules, classes, functions and attributes with their lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for statement in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            match statement:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield statement.lineno, text


def violations(path: Path) -> list[str]:
    """Return ``file:line: word -> what to say instead`` for each word that the glossary does not use."""
    rules, found = glossary(), []
    place = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    folders = path.parts
    for line, text in pieces(path):
        for exception in rules.exceptions:
            text = text.replace(exception, "")
        # each identifier is read both as it stands and as the words it is made of
        for read in {text, re.sub(r"\w+", lambda name: " ".join(PARTS.findall(name[0])), text)}:
            for rule in rules.words:
                if (match := rule.pattern.search(read)) and (not rule.folder or rule.folder in folders):
                    found.append(f"{place}:{line}: {match[0]} -> {rule.instead}")
    for line, text in docstrings(path) if path.suffix == ".py" else ():
        for rule in rules.openings:
            if match := rule.pattern.match(text.strip()):
                found.append(
                    f"{place}:{line}: {text.strip().splitlines()[0]!r} begins with {match[0]!r} -> {rule.instead}"
                )
    return sorted(dict.fromkeys(found))


def sources(folder: Path) -> list[Path]:
    """Return the files of a member that are held to the glossary."""
    kinds = {".py", ".pyi", ".yaml", ".md"}
    inside = {path for path in (folder / "src").rglob("*") if path.suffix in kinds}
    return sorted(inside | set(folder.glob("README.md")) | set(folder.glob("docs/*.md")))


@pytest.mark.parametrize("member", members(), ids=lambda member: member.name)
def test_members(member: Member) -> None:
    found = [line for path in sources(ROOT / member.folder) for line in violations(path)]
    assert not found, "\n" + "\n".join(found)


def test_tools_and_pages() -> None:
    found = [line for path in [*(ROOT / "tools").glob("*.py"), *ROOT.glob("*.md")] for line in violations(path)]
    assert not found, "\n" + "\n".join(found)


def test_violations_are_found(tmp_path: Path) -> None:
    path = tmp_path / "odd.py"
    path.write_text(
        '"""Pictures in files."""\n\n\ndef _enlarged_map(as_plain: int) -> str:\n    """Refuse what is no map."""\n'
        '    return "a picture"  # mend it\n'
    )
    told = [line.removeprefix(f"{path}:").split(" -> ")[0] for line in violations(path)]
    assert told == [
        "1: Pictures",
        "4: as_plain",
        "4: enlarged",
        "5: 'Refuse what is no map.' begins with 'Refuse'",
        "6: mend",
        "6: picture",
    ]
    assert all("image" in line for line in violations(path) if "icture" in line.split(":")[-1].split(" -> ")[0])


def test_some_words_are_wrong_in_one_folder(tmp_path: Path) -> None:
    inside, outside = tmp_path / "training" / "run.py", tmp_path / "weights" / "files.py"
    for path in (inside, outside):
        path.parent.mkdir()
        path.write_text("# the newest checkpoint of torch.utils.checkpoint; checkpoint_every\n")
    assert [line.split(": ", 1)[1] for line in violations(inside)] == ["checkpoint -> run state"]
    assert violations(outside) == []


def test_the_glossary_has_each_word_once() -> None:
    said = [
        row[0] for header, rows in tables(GLOSSARY.read_text(encoding="utf-8")) if header[0] == "we say" for row in rows
    ]
    terms = [term for cell in said for term in cell.split(", ")]
    twice = {term for term in terms if terms.count(term) > 1}
    assert not twice
    assert len(glossary().words) > 10
    assert len(glossary().openings) > 5
