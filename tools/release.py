"""Prepare the release of one package: raise its version, date its CHANGELOG, and say what else the release touches.

    python3 tools/release.py nerdrain-derain minor            # says what would change
    python3 tools/release.py nerdrain-derain minor --write    # changes it
    python3 tools/release.py visioncore --to 1.0.0            # any later version

What the release brings stands in the CHANGELOG under '## Unreleased'. Packages whose bounds on the released one shut
the new version out get new bounds; they then need releases of their own. Nothing is committed, tagged or pushed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from workspace import PRIVATE, ROOT, Member, members, read_pyproject

LEVELS = ("major", "minor", "patch")
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*(?P<extras>\[[^]]*\])?\s*(?P<bounds>[^;]*?)\s*(?P<marker>;.*)?")

Version = tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """The changes of a release and the steps after it."""

    changes: Mapping[Path, str]
    """The new text of each file."""
    report: list[str]
    """Lines that say what changes, and which packages are affected."""
    tag: str
    """The tag that publishes the release."""


def plan_release(root: Path, name: str, level: str | None, to: str | None, today: date) -> Plan:
    """Plan the release of a package; nothing is changed.

    Args:
        root: of the repository.
        name: of the package.
        level: ``major``, ``minor`` or ``patch``.
        to: or the new version itself.
        today: the date for the CHANGELOG.

    Raises:
        ValueError: if there is no such package, it is never published, the version would not rise, its tag exists, the
            CHANGELOG says nothing of a release, the repository has changes that are not committed, or bounds cannot be
            read; in one line.
    """
    known = {member.name: member for member in members(root)}
    if name not in known:
        raise ValueError(f"{name}: no such package; there are {', '.join(known)}")
    member = known[name]
    if not member.published:
        raise ValueError(f"{name}: {member.folder} is an example and never published ({PRIVATE})")
    new = _raised(member, level, to)
    tag = f"{name}-v{new}"
    _check_repository(root, member.folder, tag)
    report = [f"{name} {member.version} -> {new}"]
    changes = {
        root / member.folder / "pyproject.toml": _with_version(root / member.folder, member.version, new),
        root / member.folder / "CHANGELOG.md": _dated(root, member.folder, new, today),
    }
    if (root / "uv.lock").exists():
        changes[root / "uv.lock"] = _lock_with_version(root / "uv.lock", member, new)
    for other in known.values():
        path = root / other.folder / "pyproject.toml"
        text, lines = _with_bounds(path, changes.get(path), name, new)
        report += [f"{other.name}: {line}" for line in lines]
        if text is not None:
            changes[path] = text
            if other.published:
                report.append(f"{other.name}: needs a release of its own; say so in {other.folder}/CHANGELOG.md")
    return Plan(changes, report, tag)


def _raised(member: Member, level: str | None, to: str | None) -> str:
    current = _version(member.version, f"{member.folder}/pyproject.toml")
    if to is None:
        place = LEVELS.index(level or "")
        return ".".join(map(str, (*current[:place], current[place] + 1, 0, 0)[:3]))
    if _version(to, "--to") <= current:
        raise ValueError(f"--to {to}: {member.name} has version {member.version} already; a release goes up")
    return to


def _version(text: str, where: str) -> Version:
    if not re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", text):
        raise ValueError(f"{where}: {text!r} is not a version; it should read X.Y.Z")
    return tuple(map(int, text.split(".")))


def _check_repository(root: Path, folder: str, tag: str) -> None:
    if strange := _git(root, "ls-files", "--others", "--exclude-standard", "--", folder).splitlines():
        raise ValueError(f"{', '.join(strange[:5])}: not in the repository; commit or remove first")
    # Not `git status`: it takes a filled-in uv.lock for changed where the content that would be committed is the same.
    if changed := _git(root, "diff", "--name-only", "HEAD").splitlines():
        raise ValueError(f"{', '.join(changed[:5])}: changed and not committed; commit first")
    if _git(root, "tag", "--list", tag):
        raise ValueError(f"{tag}: this tag exists already; a version is released once")


def _git(root: Path, *arguments: str) -> str:
    try:
        ran = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, encoding="utf-8")
    except FileNotFoundError as error:
        raise ValueError("git: not installed; it tells whether all changes are committed") from error
    if ran.returncode:
        raise ValueError(f"git {arguments[0]}: {' '.join(ran.stderr.split())}")
    return ran.stdout


def _with_version(folder: Path, old: str, new: str) -> str:
    text = _read(folder / "pyproject.toml")
    start = re.search(r"^\[project\][ \t]*$", text, flags=re.MULTILINE)
    line = re.compile(rf'^(version\s*=\s*)(["\']){re.escape(old)}\2', re.MULTILINE)
    changed = line.sub(rf"\g<1>\g<2>{new}\g<2>", text[start.end() :], count=1) if start else ""
    text = text[: start.end()] + changed if start else text
    if tomllib.loads(text)["project"]["version"] != new:
        raise ValueError(f"{folder.name}/pyproject.toml: no line 'version = \"{old}\"' under [project]")
    return text


def _dated(root: Path, folder: str, new: str, today: date) -> str:
    where, text = f"{folder}/CHANGELOG.md", _read(root / folder / "CHANGELOG.md")
    section = re.search(r"^## Unreleased[ \t]*$(?P<news>.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    if section is None:
        raise ValueError(f"{where}: no section '## Unreleased'; say there what the release brings")
    if not section["news"].strip():
        raise ValueError(f"{where}: the section '## Unreleased' is empty; say there what the release brings")
    if re.search(rf"^## {re.escape(new)}(?:\s|$)", text, flags=re.MULTILINE):
        raise ValueError(f"{where}: has a section '## {new}' already")
    return f"{text[: section.start()]}## {new} ({today.isoformat()}){text[section.start('news') :]}"


def _lock_with_version(path: Path, member: Member, new: str) -> str:
    block = rf'^(\[\[package\]\]\nname = "{re.escape(member.name)}"\nversion = )"{re.escape(member.version)}"$'
    text, count = re.subn(block, rf'\g<1>"{new}"', _read(path), flags=re.MULTILINE)
    if count != 1:
        raise ValueError(f"uv.lock: does not have {member.name} {member.version}; run uv lock and commit it first")
    return text


def _with_bounds(path: Path, changed: str | None, name: str, new: str) -> tuple[str | None, list[str]]:
    """Return the text of a pyproject.toml that lets in version ``new`` of ``name``, and what is to be said of it.

    The text is None where nothing is to change.
    """
    project = read_pyproject(path.parent)["project"]
    groups = (project.get("dependencies", []), *project.get("optional-dependencies", {}).values())
    before, found = changed or _read(path), []
    text = before
    for line in dict.fromkeys(line for group in groups for line in group):
        wanted = REQUIREMENT.fullmatch(line)
        if wanted is None or re.sub(r"[-_.]+", "-", wanted["name"]).lower() != name:
            continue
        if _lets_in(wanted["bounds"], new, f"{path.parent.name}/pyproject.toml"):
            found.append(f"takes {name} {new} as it is ({line})")
            continue
        fitting = f"{wanted['name']}{wanted['extras'] or ''}{_range_around(new)}{wanted['marker'] or ''}"
        found.append(f"shuts {name} {new} out: {line} becomes {fitting}")
        text = text.replace(f'"{line}"', f'"{fitting}"').replace(f"'{line}'", f"'{fitting}'")
        if f'"{fitting}"' not in text and f"'{fitting}'" not in text:
            raise ValueError(f"{path.parent.name}/pyproject.toml: {line} cannot be replaced; write it in plain letters")
    return (text if text != before else None), found


def _lets_in(bounds: str, new: str, where: str) -> bool:
    """Whether bounds such as ``>=0.1,<0.2`` let in a version; anything else than such a range is refused."""
    lowest, highest = (re.findall(rf"{sign}\s*([\d.]+)", bounds) for sign in (">=", "<(?!=)"))
    if len(lowest) != 1 or len(highest) != 1 or bounds.count(",") != 1:
        raise ValueError(f"{where}: bounds {bounds!r} should be a range such as >=0.1,<0.2")
    low, version, high = (_padded(text) for text in (lowest[0], new, highest[0]))
    return low <= version < high


def _padded(text: str) -> Version:
    return tuple(map(int, (text + ".0.0").split(".")[:3]))


def _range_around(new: str) -> str:
    """Return bounds from a version to the next that may break: the next major one, or before 1.0 the next minor one."""
    major, minor, patch = _padded(new)
    lowest = f"{major}.{minor}" + (f".{patch}" if patch else "")
    return f">={lowest},<{major + 1 if major else f'0.{minor + 1}'}"


def _read(path: Path) -> str:
    # Line ends are kept as they are.
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def _write(changes: Mapping[Path, str]) -> None:
    for path, text in changes.items():
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(text)


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Print the plan of a release, carry it out if told to, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("package", help="name of the package, such as nerdrain-derain")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("level", nargs="?", choices=LEVELS, help="which part of the version goes up")
    how.add_argument("--to", metavar="VERSION", help="the new version itself")
    parser.add_argument("--write", action="store_true", help="change the files; without it only say what would change")
    given = parser.parse_args(arguments)
    try:
        plan = plan_release(root, given.package, given.level, given.to, date.today())
        if given.write:
            _write(plan.changes)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    names = ", ".join(path.relative_to(root).as_posix() for path in plan.changes)
    lines = [*plan.report, f"{'changed' if given.write else 'would change'}: {names}"]
    lines.append(f"then commit, and publish with: git tag {plan.tag} && git push origin {plan.tag}")
    if not given.write:
        lines.append("Nothing was written; --write does it.")
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
