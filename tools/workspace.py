"""The members of the workspace, found from the root pyproject.toml, so that no list of them is kept elsewhere.

python3 tools/workspace.py                 # prints them as JSON: [{"name": ..., "folder": ...}, ...]
python3 tools/workspace.py --published     # prints the names of those that are published, one a line
"""

from __future__ import annotations

import json
import sys
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PRIVATE = "Private :: Do Not Upload"
"""The classifier that keeps a member from being published; package indexes refuse it too."""

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Member:
    """One package of the workspace."""

    name: str
    """Name of the distribution."""
    version: str
    """Version in its pyproject.toml."""
    folder: str
    """Its folder, relative to the root of the repository, with forward slashes."""
    published: bool = True
    """False for an example, which no index ever gets."""


def read_pyproject(folder: Path) -> dict[str, Any]:
    """Return the pyproject.toml of a folder."""
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def members(root: Path = ROOT) -> list[Member]:
    """Return the members of the workspace at ``root``, sorted by folder."""
    patterns = read_pyproject(root)["tool"]["uv"]["workspace"]["members"]
    folders = sorted({path.parent for pattern in patterns for path in root.glob(f"{pattern}/pyproject.toml")})
    found = []
    for folder in folders:
        project = read_pyproject(folder)["project"]
        published = PRIVATE not in project.get("classifiers", [])
        found.append(Member(project["name"], project["version"], folder.relative_to(root).as_posix(), published))
    return found


def published_members(root: Path = ROOT) -> list[Member]:
    """Return the members that are published, sorted by folder."""
    return [member for member in members(root) if member.published]


if __name__ == "__main__":
    if sys.argv[1:] == ["--published"]:
        sys.stdout.writelines(f"{member.name}\n" for member in published_members())
    else:
        sys.stdout.write(json.dumps([asdict(member) for member in members()]) + "\n")
