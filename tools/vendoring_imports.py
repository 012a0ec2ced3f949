"""References of a module, read from its syntax tree, and its text inside a copy."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from isolation import CORE

COPY = f"_{CORE}"
"""Name of the core inside a copy."""

LOADERS = ("import_module", "require")
"""Functions whose first argument names a module that they import."""

_MODULE_NAME = re.compile(r"\.*[^\W\d]\w*(\.\w+)*")


@dataclass(frozen=True)
class Reference:
    """One import: ``from a.b import c, d`` has module ``a.b`` and names ``c``, ``d``, which may be modules as well."""

    where: str
    """File and line, for messages."""
    module: str
    """Full dotted name, whether or not it was written relatively."""
    names: tuple[str, ...]
    relative: bool
    running: bool
    """False if only type checkers see it."""

    @property
    def top(self) -> str:
        """The first part of the name."""
        return self.module.partition(".")[0]


@dataclass(frozen=True)
class Module:
    """One Python file of a package, source (.py) or stub (.pyi)."""

    where: str
    """Its path, for messages."""
    text: bytes
    tree: ast.Module
    references: tuple[Reference, ...]


def read_module(path: Path, package: str, where: str) -> Module:
    """Read a file that lies in the package with the dotted name ``package``.

    Raises:
        ValueError: if a relative import leaves the package.
    """
    text = path.read_bytes()
    tree = ast.parse(text, where)
    reader = _Reader(package, where, running=path.suffix == ".py")
    reader.visit(tree)
    return Module(where, text, tree, tuple(reader.found))


class _Reader(ast.NodeVisitor):
    def __init__(self, package: str, where: str, running: bool) -> None:
        self.package, self.where, self.running = package, where, running
        self.found: list[Reference] = []

    def visit_If(self, node: ast.If) -> None:
        checked = getattr(node.test, "attr", getattr(node.test, "id", "")) == "TYPE_CHECKING"
        before = self.running
        self.running = before and not checked
        for statement in node.body:
            self.visit(statement)
        self.running = before
        for rest in (node.test, *node.orelse):
            self.visit(rest)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(node, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._add(node, "." * node.level + (node.module or ""), tuple(alias.name for alias in node.names))

    def visit_Call(self, node: ast.Call) -> None:
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        name = _leading_text(node.args[0]) if node.args else ""
        if called in LOADERS and _MODULE_NAME.fullmatch(name):
            self._add(node, name)
        elif called == "attach":
            for argument in (*node.args[1:], *(keyword.value for keyword in node.keywords)):
                self._add(node, ".", tuple(_texts(argument)))
        self.generic_visit(node)

    def _add(self, node: ast.stmt | ast.expr, written: str, names: tuple[str, ...] = ()) -> None:
        module = written.lstrip(".")
        level, where = len(written) - len(module), f"{self.where}:{node.lineno}"
        if level:
            parts = self.package.split(".")
            if level > len(parts):
                raise ValueError(f"{where}: this relative import leaves {parts[0]}")
            module = ".".join(filter(None, [*parts[: len(parts) - level + 1], module]))
        self.found.append(Reference(where, module, names, level > 0, self.running))


def _leading_text(node: ast.expr) -> str:
    """Return a literal string; of an f-string, the whole parts of the dotted name that it begins with."""
    if isinstance(node, ast.JoinedStr) and node.values:
        return _leading_text(node.values[0]).rpartition(".")[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _texts(node: ast.expr) -> Iterator[str]:
    """Yield the literal strings of a list or a set, or of the keys of a dictionary."""
    items = getattr(node, "keys", getattr(node, "elts", []))
    return (item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str))


def full_imports(module: Module, package: str) -> list[str]:
    """Return where a module imports ``package`` by its full name."""
    return [each.where for each in module.references if each.top == package and not each.relative]


def full_texts(module: Module, package: str) -> list[str]:
    """Return where a module has strings such as ``"a_method"`` or ``"a_method.demo:demo"``, docstrings aside."""
    name = re.compile(rf"{package}([.:][\w.:]*)?")
    nodes = list(ast.walk(module.tree))
    docstrings = [node.value for node in nodes if isinstance(node, ast.Expr)]
    texts = [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [f"{module.where}:{t.lineno}" for t in texts if name.fullmatch(str(t.value)) and t not in docstrings]


def with_core_inside(module: Module, depth: int) -> bytes:
    """Return the text of a method's module with imports of the core that reach the copy in ``_visioncore``.

    All else, comments and formatting too, stays as it is.

    Args:
        module: the module.
        depth: how many folders it lies below the package's own.
    """
    dots = "." * (depth + 1)
    starts = [0, *accumulate(len(line) for line in module.text.splitlines(keepends=True))]
    changes: list[tuple[int, int, str]] = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and not node.level and _is_core(node.module or ""):
            begin = starts[node.lineno - 1] + node.col_offset
            written = re.compile(rf"from[\s\\]+({CORE})\b".encode()).match(module.text, begin)
            assert written is not None
            changes.append((*written.span(1), f"{dots}{COPY}"))
        elif isinstance(node, ast.Import) and any(_is_core(alias.name) for alias in node.names):
            assert node.end_lineno is not None
            assert node.end_col_offset is not None
            begin, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
            changes.append((begin, end, "; ".join(_statement(alias, dots) for alias in node.names)))
    text = module.text
    for begin, end, replacement in sorted(changes, reverse=True):
        text = text[:begin] + replacement.encode() + text[end:]
    return text


def _is_core(name: str) -> bool:
    return name.partition(".")[0] == CORE


def _statement(alias: ast.alias, dots: str) -> str:
    """Return the statement for one name of an ``import``."""
    if not _is_core(alias.name):
        return f"import {alias.name} as {alias.asname}" if alias.asname else f"import {alias.name}"
    parent, _, name = f"{COPY}{alias.name.removeprefix(CORE)}".rpartition(".")
    if alias.asname:
        return f"from {dots}{parent} import {name} as {alias.asname}"
    whole = f"from {dots} import {COPY} as {CORE}"
    # Importing a module makes it an attribute of its parent, so that the full name can be spelled from the top.
    return f"{whole}; from {dots}{parent} import {name} as {COPY}_{name}" if parent else whole
