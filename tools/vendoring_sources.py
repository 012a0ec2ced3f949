"""The sources a copy is made from: where they lie, when they last changed, and what of them is not committed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from isolation import CORE, module_name
from workspace import Member, members, read_pyproject


@dataclass(frozen=True)
class Source:
    """One member of the workspace, as something to copy."""

    root: Path
    """The root of the repository."""
    member: Member

    @property
    def package(self) -> Path:
        """The folder that is imported."""
        return self.root / self.member.folder / "src" / module_name(self.member)

    @property
    def project(self) -> dict[str, Any]:
        """The ``[project]`` table of its pyproject.toml."""
        table: dict[str, Any] = read_pyproject(self.root / self.member.folder)["project"]
        return table

    def files(self) -> dict[str, Path]:
        """Return {path inside the package: file}, sorted, without what Python leaves behind."""
        return package_files(self.package)

    def licences(self) -> dict[str, Path]:
        """Return {name: file} of the licence texts.

        Raises:
            ValueError: if there are none.
        """
        folder = self.root / self.member.folder
        found = {path.name: path for pattern in self.project.get("license-files", ()) for path in folder.glob(pattern)}
        if not found:
            raise ValueError(f"{self.member.folder}/pyproject.toml: license-files names no file, and a copy needs one")
        return found

    def paths(self) -> list[Path]:
        """Return all that a copy is made from."""
        folder = self.root / self.member.folder
        return [self.package, folder / "pyproject.toml", *self.licences().values()]


def package_files(folder: Path) -> dict[str, Path]:
    """Return {path inside ``folder``: file}, sorted, without what Python leaves behind."""
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path for path in sorted(found)}


def methods(root: Path) -> list[Member]:
    """Return the members that can be vendored: all but the core."""
    return [member for member in members(root) if member.name != CORE]


def find_sources(name: str, root: Path) -> tuple[Source, Source]:
    """Return the method and the core.

    Raises:
        ValueError: if there is no such method.
    """
    known = {member.name: member for member in members(root)}
    if name not in known or name == CORE:
        raise ValueError(f"{name}: no such method; there are {', '.join(member.name for member in methods(root))}")
    return Source(root, known[name]), Source(root, known[CORE])


def uncommitted(sources: Iterable[Source]) -> list[str]:
    """Return the files of the sources that differ from the last commit; none outside a git repository."""
    found = []
    for source in sources:
        lines = _git(source, "status", "--porcelain", "--untracked-files=all", "--no-renames", "--") or ""
        found += [line[3:] for line in lines.splitlines()]
    return found


def last_change(sources: Iterable[Source]) -> date:
    """Return the day of the last commit that changed the sources; outside a git repository, that of the newest file."""
    days = []
    for source in sources:
        day = _git(source, "log", "-1", "--format=%cs", "--")
        if day:
            days.append(date.fromisoformat(day.strip()))
            continue
        files = [*source.files().values(), *(path for path in source.paths() if path.is_file())]
        days += [datetime.fromtimestamp(path.stat().st_mtime).date() for path in files]
    return max(days)


def _git(source: Source, *arguments: str) -> str | None:
    """Return git's output about the source, or None if its root is not that of a git repository."""
    top = _output(source.root, "rev-parse", "--show-toplevel")
    if top is None or Path(top.strip()).resolve() != source.root.resolve():
        return None
    return _output(source.root, *arguments, *(path.relative_to(source.root).as_posix() for path in source.paths()))


def _output(root: Path, *arguments: str) -> str | None:
    command = ["git", "-c", "core.quotePath=false", *arguments]
    try:
        ran = subprocess.run(command, cwd=root, capture_output=True, encoding="utf-8", check=False)
    except FileNotFoundError:
        return None
    return ran.stdout if ran.returncode == 0 else None
