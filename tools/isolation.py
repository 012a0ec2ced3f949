"""List imports that break the order of the house, read from the syntax tree of every source and stub file.

    python3 tools/isolation.py     # prints one line for each breach; exit code 1 if there is any

The rules:

- A package imports no other member of the workspace but visioncore, and visioncore imports none; nor do their tests.
- Inside a package imports are relative.
- Every file stands in one of the folders in `METHOD_FOLDERS`, or, in the core, in `CORE_FOLDERS` (a file on the first
  level counts as a folder of its name). A file imports from its own folder and from those on lower levels, never from
  another one on its own level, whether at its top, in a function or for type checkers only.
- Imports never run in a circle.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from workspace import ROOT, Member, members

CORE = "visioncore"

Levels = tuple[tuple[str, ...], ...]

METHOD_FOLDERS = (
    ("__init__",),
    ("cli",),
    ("demo", "viewer"),
    ("training", "evaluation"),
    ("inference",),
    ("data",),
    ("network",),
    ("sparse",),
    ("method",),
)
"""The folders of a method from the top down; `viewer` is a plug-in for an image viewer, and `sparse` an engine of
operations that is of use without the network."""

CORE_FOLDERS = (
    ("__init__",),
    ("main",),
    ("programs", "web"),
    ("jobs",),
    ("testing",),
    ("commands",),
    ("data",),
    ("training", "inference"),
    ("timing", "backbones"),
    ("medical", "lora", "convolutions", "metrics", "diffusion"),
    ("images", "video", "weights", "report"),
    ("devices", "recipes", "methods"),
    ("cli", "configs", "files", "extras", "ranks", "size_limit", "panels"),
    ("errors", "versions"),
)
"""The folders of the core from the top down."""

IMPORTERS = ("import_module", "__import__")


@dataclass(frozen=True)
class Import:
    """One import as it is written: ``from ..a import b, c`` has level 2, module ``a`` and names ``b``, ``c``."""

    line: int
    level: int
    module: str
    names: tuple[str, ...]


def imports(tree: ast.AST) -> Iterator[Import]:
    """Yield the imports of a syntax tree, wherever they stand, those by ``import_module("literal")`` too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, 0, alias.name, ())
        elif isinstance(node, ast.ImportFrom):
            yield Import(node.lineno, node.level, node.module or "", tuple(alias.name for alias in node.names))
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in IMPORTERS:
            match node.args:
                case [ast.Constant(value=str(name)), *_] if not name.startswith("."):
                    yield Import(node.lineno, 0, name, ())


def module_name(member: Member) -> str:
    """Return the name under which a member is imported."""
    return member.name.replace("-", "_")


def breaches(root: Path = ROOT) -> list[str]:
    """Return one line for each import that breaks the rules, with its file and line."""
    every = members(root)
    return [line for member in every for line in _foreign(root, member, every) + _inside(root, member)]


def _foreign(root: Path, member: Member, every: list[Member]) -> list[str]:
    """Return the imports of other members, and of the own one by its full name."""
    own, known = module_name(member), {module_name(other) for other in every}
    found = []
    for path in _files(root / member.folder):
        inside = path.is_relative_to(root / member.folder / "src")
        for imported in imports(ast.parse(path.read_bytes())):
            name = imported.module.partition(".")[0]
            if imported.level or name not in known or (name == CORE and member.name != CORE):
                continue
            where = f"{path.relative_to(root).as_posix()}:{imported.line}"
            if name != own:
                rule = f"{member.name} stands on {CORE} alone" if member.name != CORE else f"{CORE} knows no package"
                found.append(f"{where}: imports {name}; {rule}")
            elif inside:
                found.append(f"{where}: imports {imported.module} by its full name; inside a package say it relatively")
    return found


def _inside(root: Path, member: Member) -> list[str]:
    """Return the imports inside a member that go up, out or round."""
    source = root / member.folder / "src" / module_name(member)
    known = {_key(path, source) for path in _files(source)}
    graph: dict[str, set[str]] = {key: set() for key in known}
    levels = CORE_FOLDERS if member.name == CORE else METHOD_FOLDERS
    homeless = {key for key in known if _level(key, levels) is None}
    found = [
        f"{source.relative_to(root).as_posix()}/{key}: stands in no folder of the house" for key in sorted(homeless)
    ]
    for path in _files(source):
        key = _key(path, source)
        for imported in imports(ast.parse(path.read_bytes())):
            if not imported.level:
                continue
            where = f"{path.relative_to(root).as_posix()}:{imported.line}"
            for target in _targets(key, imported, known):
                if target is None:
                    found.append(f"{where}: there is no such file in {module_name(member)}")
                    continue
                if not homeless & {key, target} and _goes_up(key, target, levels):
                    found.append(f"{where}: {key} imports {target}, which does not stand below it")
                graph[key].add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        found.append(f"{source.relative_to(root).as_posix()}: imports run in a circle: {circle}")
    return found


def _targets(key: str, imported: Import, known: set[str]) -> set[str | None]:
    """Return the files that a relative import reads; None stands for one that is not there."""
    folders = key.split("/")[:-1]
    if imported.level > len(folders) + 1:
        return {None}
    base = folders[: len(folders) + 1 - imported.level] + (imported.module.split(".") if imported.module else [])
    found: set[str | None] = set()
    for name in imported.names:
        choices = ([*base, name], [*base, name, "__init__"], base, [*base, "__init__"])
        found.add(next((choice for choice in map("/".join, choices) if choice in known), None))
    return found


def _level(key: str, levels: Levels) -> int | None:
    return next((depth for depth, names in enumerate(levels) if key.split("/")[0] in names), None)


def _goes_up(key: str, target: str, levels: Levels) -> bool:
    if key.split("/")[0] == target.split("/")[0]:
        return False
    here, there = _level(key, levels), _level(target, levels)
    return here is not None and there is not None and there <= here


def _key(path: Path, source: Path) -> str:
    return path.relative_to(source).with_suffix("").as_posix()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".pyi"))


if __name__ == "__main__":
    lines = breaches()
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.exit(1 if lines else 0)
