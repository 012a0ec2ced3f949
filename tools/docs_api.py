"""The pages of the Python API: one heading for each public name, found by reading the sources without importing them.

Sphinx imports the package later and takes signatures and docstrings from the objects.
"""

from __future__ import annotations

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path

FIRST = ("Predictor", "load_model")
"""Names that head a package's page: what most readers look for."""
DIRECTIVES: dict[type[ast.stmt], str] = {
    ast.ClassDef: "autoclass",
    ast.FunctionDef: "autofunction",
    ast.Assign: "autodata",
    ast.AnnAssign: "autodata",
}


def package_page(module: str) -> str:
    """Return the page of a package: its public names, less those of the core, which has pages of its own."""
    stub = source(module).with_suffix(".pyi")
    names = [each.asname or each.name for node in _imports(stub) for each in node.names]
    names = [name for name in names if not name.startswith("_") and _home(module, name)[0].startswith(module)]
    return _page(
        f"Python API of {module}",
        module,
        sorted(names, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name.lower())),
    )


def module_page(module: str) -> str:
    """Return the page of a module: the names in its ``__all__``, or all that it defines and that are public."""
    return _page(module, module, _public(module))


@cache
def source(module: str) -> Path:
    """Return the file of a module."""
    found = find_spec(module)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin)


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _imports(file: Path) -> list[ast.ImportFrom]:
    return [node for node in ast.walk(_tree(file)) if isinstance(node, ast.ImportFrom)]


def _defined(module: str) -> dict[str, ast.stmt]:
    """Return {name: statement} of a module itself; of data, what has a docstring, for the rest is none of the API."""
    body = _tree(source(module)).body
    found: dict[str, ast.stmt] = {}
    for node, after in zip(body, [*body[1:], ast.Pass()], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign) and _is_text(after):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: node for target in targets if isinstance(target, ast.Name)}
    return found


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _public(module: str) -> list[str]:
    for node in _tree(source(module)).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            listed: list[str] = ast.literal_eval(node.value)
            return listed
    return [name for name in _defined(module) if not name.startswith("_")]


def _home(module: str, name: str) -> tuple[str, ast.stmt | None]:
    """Return the module that defines a name which ``module`` has, and the statement there; None if nothing tells."""
    file = source(module)
    if found := _defined(module).get(name):
        return module, found
    stub = file.with_suffix(".pyi")
    for node in [*_imports(file), *(_imports(stub) if stub.is_file() else [])]:
        for each in node.names:
            if (each.asname or each.name) == name:
                return _home(_imported(module, file, node), each.name)
    return module, None


def _imported(module: str, file: Path, node: ast.ImportFrom) -> str:
    """Return the full name of the module that a statement imports from."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    up = node.level - (file.name == "__init__.py")
    return ".".join([*parts[: len(parts) - up], *filter(None, [node.module])])


def _page(title: str, module: str, names: list[str]) -> str:
    lines = [title, "=" * len(title), "", f".. automodule:: {module}", ""]
    for name in names:
        home, statement = _home(module, name)
        if statement is not None:
            directive = DIRECTIVES[type(statement)]
            # the docstring of data is found only where the data is defined
            owner, option = (home, ":no-value:") if directive == "autodata" else (module, ":members:")
            lines += [name, "-" * len(name), "", f".. {directive}:: {owner}.{name}"]
            lines += [""] if directive == "autofunction" else [f"   {option}", ""]
    return "\n".join(lines).rstrip() + "\n"
