"""The third-party requirements of a copy, merged from the pyproject.toml of the method and that of the core."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from isolation import CORE

IMPORT_NAMES = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "open_clip": "open-clip-torch",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Distributions by the name they are imported under, where the two differ."""


@dataclass(frozen=True)
class Requirement:
    """One requirement, such as ``accelerate[extra]>=1.6,<2; python_version < '3.14'``."""

    name: str
    """Normalised: lower case, words joined by hyphens."""
    extras: frozenset[str]
    bounds: tuple[str, ...]
    marker: str

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Read a requirement as it stands in a pyproject.toml."""
        parts = re.fullmatch(r"\s*([\w.-]+)\s*(?:\[([^\]]*)\])?([^;]*)(?:;(.*))?", text)
        if not parts:
            raise ValueError(f"{text!r}: not a requirement")
        name, extras, bounds, marker = (part or "" for part in parts.groups())
        return cls(_normal(name), frozenset(_split(extras)), tuple(_split(bounds)), marker.strip())

    def __str__(self) -> str:
        extras = f"[{','.join(sorted(self.extras))}]" if self.extras else ""
        return f"{self.name}{extras}{','.join(self.bounds)}{f'; {self.marker}' if self.marker else ''}"


@dataclass(frozen=True)
class Requirements:
    """The requirements of a copy."""

    python: str
    """Bounds on Python."""
    needed: tuple[str, ...]
    optional: Mapping[str, tuple[str, ...]]
    """{name of the extra: what it adds}."""


def collect(method: Mapping[str, Any], core: Mapping[str, Any], imported: Mapping[str, str]) -> Requirements:
    """Return the requirements of a copy.

    What the method lists is listed here, as the whole of the method is copied. Of the core, of which only a part is,
    what the copied modules import is listed, under an extra where no part of the method asks for it.

    Args:
        method: the method's ``[project]`` table.
        core: the core's.
        imported: {top-level name of a module: where it is imported} of all the copied modules.

    Raises:
        ValueError: if something is imported that neither lists.
    """
    distributions = {_distribution(name): name for name in imported if name not in sys.stdlib_module_names}

    def of_core(lines: Iterable[str]) -> list[Requirement]:
        return [found for found in map(Requirement.parse, lines) if found.name in distributions]

    extras: Mapping[str, list[str]] = core.get("optional-dependencies", {})
    needed = _with_core(method.get("dependencies", ()), lambda extra: of_core(extras.get(extra, ())))
    needed += of_core(core.get("dependencies", ()))
    optional = {
        group: _with_core(lines, lambda extra: of_core(extras.get(extra, ())))
        for group, lines in method.get("optional-dependencies", {}).items()
    }
    known = {found.name for found in (*needed, *(found for group in optional.values() for found in group))}
    for extra, lines in extras.items():
        rest = [found for found in of_core(lines) if found.name not in known]
        if rest:
            optional[extra] = optional.get(extra, []) + rest
            known |= {found.name for found in rest}
    for distribution, name in distributions.items():
        if distribution not in known:
            raise ValueError(f"{imported[name]}: imports {name}, which neither {method['name']} nor {CORE} requires")
    python = [bound for project in (method, core) for bound in _split(project.get("requires-python", ""))]
    return Requirements(
        ",".join(dict.fromkeys(python)), _merged(needed), {group: _merged(lines) for group, lines in optional.items()}
    )


def _with_core(lines: Iterable[str], of_extra: Callable[[str], list[Requirement]]) -> list[Requirement]:
    """Return the requirements, with what the core's extras bring in place of the core."""
    found = []
    for requirement in map(Requirement.parse, lines):
        if requirement.name == CORE:
            found += [brought for extra in sorted(requirement.extras) for brought in of_extra(extra)]
        else:
            found.append(requirement)
    return found


def _merged(requirements: Iterable[Requirement]) -> tuple[str, ...]:
    """Return each requirement once, with the bounds of all, sorted."""
    merged: dict[tuple[str, str], Requirement] = {}
    for found in requirements:
        key = found.name, found.marker
        before = merged.get(key, found)
        bounds = tuple(dict.fromkeys(before.bounds + found.bounds))
        merged[key] = Requirement(found.name, before.extras | found.extras, bounds, found.marker)
    return tuple(str(merged[key]) for key in sorted(merged))


def _distribution(name: str) -> str:
    return IMPORT_NAMES.get(name, _normal(name))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
