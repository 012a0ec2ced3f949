"""The file ``VENDORED`` in a copy: what was copied from where, for people and for programs (it is TOML)."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from vendoring_requirements import Requirements
from vendoring_sources import package_files

NAME = "VENDORED"

_TEXT = """\
# This folder is a copy of {package} {version} with those parts of visioncore {visioncore} that it uses.
# Neither has to be installed, only the requirements below. In the repository that it comes from, DEST being the folder
# that this one lies in,
#   python tools/vendor.py {package} DEST --check     says how it differs from there
#   python tools/vendor.py {package} DEST --update    refreshes it, and stops if files were edited here
package = {package_text}
version = {version_text}
visioncore = {visioncore_text}
changed = {changed}  # when the sources were last changed

[licences]
{licences}

[requirements]
python = {python}
needed = {needed}
{optional}
# SHA-256 of every file, line ends counted as LF
[files]
{files}
"""


@dataclass(frozen=True)
class Record:
    """The content of ``VENDORED``."""

    package: str
    version: str
    visioncore: str
    """Version of the core."""
    changed: date
    """When the sources were last changed."""
    licences: Mapping[str, str]
    """{file with the licence's text: which licence of what}."""
    requirements: Requirements
    files: Mapping[str, str]
    """{path: hash} of all files but ``VENDORED``."""

    def to_text(self) -> str:
        """Return the text of the file."""
        groups = self.requirements.optional.items()
        return _TEXT.format(
            package=self.package,
            version=self.version,
            visioncore=self.visioncore,
            package_text=_value(self.package),
            version_text=_value(self.version),
            visioncore_text=_value(self.visioncore),
            changed=self.changed.isoformat(),
            licences=_table(self.licences),
            python=_value(self.requirements.python),
            needed=_list(self.requirements.needed),
            optional="".join(f"optional.{_value(group)} = {_list(lines)}\n" for group, lines in groups),
            files=_table(self.files),
        )

    def newer_than(self, other: Record) -> str:
        """Return the parts that are newer here than in ``other``, with both versions, or nothing."""
        for name, here, there in (
            (self.package, self.version, other.version),
            ("visioncore", self.visioncore, other.visioncore),
        ):
            if _numbers(here) > _numbers(there):
                return f"{name} {here} against {there}"
        return ""


def read_record(folder: Path) -> Record:
    """Return the record of a copy.

    Raises:
        ValueError: if the folder holds none, or one that cannot be read.
    """
    path = folder / NAME
    if not path.is_file():
        raise ValueError(f"{folder}: not a copy made by this tool (it has no file {NAME})")
    try:
        held = tomllib.loads(path.read_text(encoding="utf-8"))
        required = held["requirements"]
        optional = {name: tuple(lines) for name, lines in required.get("optional", {}).items()}
        return Record(
            package=str(held["package"]),
            version=str(held["version"]),
            visioncore=str(held["visioncore"]),
            changed=held["changed"],
            licences=dict(held["licences"]),
            requirements=Requirements(str(required["python"]), tuple(required["needed"]), optional),
            files={str(name): str(value) for name, value in held["files"].items()},
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read ({' '.join(str(error).split())})") from error


def digest(content: bytes) -> str:
    """Return the hash of a file's content; in a text CR LF counts as LF, as git may turn one into the other."""
    text = content if b"\0" in content else content.replace(b"\r\n", b"\n")
    return hashlib.sha256(text).hexdigest()


def local_edits(folder: Path, record: Record, fresh: Record) -> dict[str, str]:
    """Return {path: what was done} for files that were edited, added or removed in a copy since it was made.

    What reads as ``fresh`` would write it is no edit, as nothing is lost by writing it.
    """
    here = {path: digest(file.read_bytes()) for path, file in package_files(folder).items() if path != NAME}
    edits = {}
    for path in sorted({**here, **record.files}):
        if here.get(path) == record.files.get(path) or here.get(path) == fresh.files.get(path):
            continue
        edits[path] = "removed here" if path not in here else "edited here" if path in record.files else "added here"
    return edits


def changes(record: Record, fresh: Record) -> dict[str, str]:
    """Return {path or property: what changed} in the sources since a copy was made.

    The date of the last change does not count: a shallow clone or an archive tells another one.
    """
    found = {}
    for name in ("package", "version", "visioncore", "licences", "requirements"):
        if getattr(record, name) != getattr(fresh, name):
            old, new = getattr(record, name), getattr(fresh, name)
            found[name] = (
                f"{old} in the copy, {new} in the sources" if isinstance(old, str) else "changed in the sources"
            )
    for path in sorted({**record.files, **fresh.files}):
        if path not in fresh.files:
            found[path] = "gone from the sources"
        elif path not in record.files:
            found[path] = "new in the sources"
        elif record.files[path] != fresh.files[path]:
            found[path] = "changed in the sources"
    return found


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _value(text: str) -> str:
    # A JSON string is a TOML string.
    return json.dumps(text, ensure_ascii=False)


def _table(values: Mapping[str, str]) -> str:
    return "\n".join(f"{_value(name)} = {_value(value)}" for name, value in values.items())


def _list(values: Iterable[str]) -> str:
    return "".join(["[\n", *(f"    {_value(value)},\n" for value in values), "]"])
