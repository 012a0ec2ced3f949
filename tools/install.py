"""Install what is locked into .venv, each file only if its hash is in locked.txt; uv.lock stays as it is.

    python3 tools/install.py                            # the whole workspace, with all that development needs
    python3 tools/install.py --member nerdrain-derain   # one member, with what it requires, and pytest

Then run commands by ``uv run --no-sync``, or set ``UV_NO_SYNC=1``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from locked_hashes import EXPORT, REQUIREMENT, SPARE, uv
from workspace import ROOT, members, read_pyproject

CORE = "visioncore"
TESTS = ("pytest", "pytest-timeout", "pytest-xdist")
BUILDS = ("hatchling", "editables")


def install_locked(environment: Path, requirements: Path) -> None:
    """Install what a file of hashes holds and nothing else."""
    uv("pip", "sync", "--python", str(environment), "--require-hashes", str(requirements))


def write_needed(path: Path, root: Path = ROOT) -> None:
    """Write the part of locked.txt that development needs: all but what extras alone require."""
    uv(*EXPORT, "--frozen", "--no-hashes", *SPARE, "--output-file", str(path), cwd=root)
    names = {line.partition("==")[0] for line in path.read_text(encoding="utf-8").splitlines()}
    locked = (root / "locked.txt").read_text(encoding="utf-8")
    path.write_text("".join(each[0] for each in REQUIREMENT.finditer(locked) if each["name"] in names))


def install_members(environment: Path) -> None:
    """Install all members as they lie here."""
    editable = [word for member in members() for word in ("--editable", member.folder)]
    # What builds them is among what is locked; a build in isolation would fetch it unchecked.
    uv("pip", "install", "--python", str(environment), "--no-deps", "--no-build-isolation", *editable)


def install_member(environment: Path, name: str) -> None:
    """Install one member, with all its extras and the core, what they require, and what runs the tests."""
    folders = {member.name: member.folder for member in members()}
    if name not in folders:
        raise SystemExit(f"error: no member {name}; there are {', '.join(folders)}")
    extras = read_pyproject(ROOT / folders[name])["project"].get("optional-dependencies", {})
    chosen = {f"./{folders[CORE]}": "", f"./{folders[name]}": f"[{','.join(extras)}]" if extras else ""}
    editable = [word for folder, with_extras in chosen.items() for word in ("--editable", folder + with_extras)]
    install = ("pip", "install", "--python", str(environment), "--constraint", "locked.txt")
    uv(*install, *BUILDS)
    uv(*install, "--no-build-isolation", *editable, *TESTS)


def main(arguments: list[str] | None = None) -> int:
    """Install; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--member", metavar="NAME", help="this member alone, with what it requires")
    parser.add_argument("--into", type=Path, default=ROOT / ".venv", metavar="FOLDER", help="default: .venv")
    given = parser.parse_args(arguments)
    uv("venv", "--quiet", "--allow-existing", str(given.into))
    if given.member is None:
        with TemporaryDirectory() as folder:
            write_needed(needed := Path(folder) / "needed.txt")
            install_locked(given.into, needed)
        install_members(given.into)
    else:
        install_member(given.into, given.member)
    return 0


if __name__ == "__main__":
    sys.exit(main())
