"""Check a release tag against the repository: the package is there, its version is the tag's, its CHANGELOG has it.

python3 tools/check_tag.py nerdrain-derain-v0.1.0     # prints name=..., version=..., folder=..., or one error line
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from workspace import PRIVATE, ROOT, Member, members


def check_tag(tag: str, root: Path = ROOT) -> Member:
    """Return the member that ``tag`` releases.

    Raises:
        ValueError: if the tag is not ``<package>-vX.Y.Z``, or does not fit the package, in one line.
    """
    parts = re.fullmatch(r"(?P<name>[a-z0-9-]+)-v(?P<version>\d+\.\d+\.\d+)", tag)
    if not parts:
        raise ValueError(f"{tag}: not a release tag; it should read <package>-vX.Y.Z")
    known = {member.name: member for member in members(root)}
    member = known.get(parts["name"])
    if member is None:
        raise ValueError(f"{tag}: no package {parts['name']}; there are {', '.join(known)}")
    if not member.published:
        raise ValueError(f"{tag}: {member.folder} is an example and never published ({PRIVATE})")
    if member.version != parts["version"]:
        raise ValueError(f"{tag}: {member.folder}/pyproject.toml has version {member.version}; the tag should equal it")
    changelog = (root / member.folder / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## \[?{re.escape(member.version)}\]?(?:\s|$)", changelog, re.MULTILINE):
        raise ValueError(f"{tag}: {member.folder}/CHANGELOG.md has no section '## {member.version}'")
    return member


def main(arguments: list[str]) -> int:
    """Check the one tag given; print what a workflow needs to know, or what is wrong."""
    if len(arguments) != 1:
        sys.stderr.write("error: one tag is expected, such as nerdrain-derain-v0.1.0\n")
        return 2
    try:
        member = check_tag(arguments[0])
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"name={member.name}\nversion={member.version}\nfolder={member.folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
