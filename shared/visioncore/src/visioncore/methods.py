"""The record of a method, and the methods that are installed.

A method announces itself by one entry point in the group ``visioncore.methods``, so that ``visioncore`` finds it
without knowing its name::

    [project.entry-points."visioncore.methods"]
    nerdrain-derain = "nerdrain_derain.method:METHOD"
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from .errors import InputError

GROUP = "visioncore.methods"


@dataclass(frozen=True)
class Method:
    """What a method is, where it comes from, and how to see it at work; text only, so that reading it is cheap."""

    name: str
    """Name of the distribution and of its command, such as ``nerdrain-derain``."""
    module: str
    """Name of the package to import, such as ``nerdrain_derain``."""
    title: str
    """What the authors call it, such as ``NeRD-Rain``."""
    task: str
    """What it does, in one line."""
    paper: str
    """Title of the paper."""
    authors: str
    """Authors of the paper, separated by commas."""
    venue: str
    """Where it was published, such as ``CVPR 2024``."""
    arxiv: str
    """arXiv identifier, such as ``2404.01547``."""
    citation: str
    """BibTeX entry."""
    licence: str
    """Licence of this package's code and bundled weights."""
    weights: str
    """Where the authors publish their weights, and under which terms."""
    demo: str
    """Reference ``module:function`` to a function ``demo(out: Path) -> visioncore.report.DemoReport``."""


@dataclass(frozen=True)
class BrokenMethod:
    """A method that announces itself and cannot be read."""

    name: str
    """Name of the entry point."""
    reason: str
    """What went wrong, in one line."""


def load(reference: str) -> Any:
    """Import and return the object that ``reference`` (``module:attribute``) names.

    Raises:
        InputError: if the reference is malformed, its module cannot be imported, or the attribute is not there.
    """
    module_name, separator, attribute = reference.partition(":")
    if not (module_name and separator and attribute):
        raise InputError(f"{reference!r}: not a reference; it should read 'module:attribute'")
    try:
        found: Any = importlib.import_module(module_name)
    except ImportError as error:
        raise InputError(f"{reference}: module {module_name} cannot be imported ({error})") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise InputError(f"{reference}: {module_name} has no attribute {attribute!r}")
        found = getattr(found, part)
    return found


def find_methods() -> tuple[list[Method], list[BrokenMethod]]:
    """Return the installed methods sorted by name, and those that announce themselves but cannot be read."""
    methods: dict[str, Method] = {}
    broken: list[BrokenMethod] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        found = _read(entry)
        if isinstance(found, BrokenMethod):
            broken.append(found)
        else:
            methods[found.name] = found
    return [methods[name] for name in sorted(methods)], broken


def _read(entry: EntryPoint) -> Method | BrokenMethod:
    # Another distribution's module runs here, so anything may be raised; it must not take the others down.
    try:
        found = load(entry.value)
    except Exception as error:
        return BrokenMethod(entry.name, " ".join(str(error).split()) or type(error).__name__)
    if not isinstance(found, Method):
        return BrokenMethod(entry.name, f"{entry.value} is a {type(found).__name__}, not a visioncore.methods.Method")
    return found
