"""Copy a method with just the parts of visioncore that it needs into one folder that needs neither installed.

    python tools/vendor.py nerdrain-derain DEST             # makes DEST/nerdrain_derain
    python tools/vendor.py nerdrain-derain DEST --update    # refreshes it, unless files were edited there
    python tools/vendor.py nerdrain-derain DEST --check     # says how it differs; exit code 1 if it does

The folder can be imported under any parent, such as ``theirlib.third_party.nerdrain_derain``. Its file ``VENDORED``
says what was copied and what that requires, and holds a hash of every file. Exit codes: 0 done, 1 the copy differs,
2 refused, with nothing changed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from vendoring_copy import Copy, make_copy
from vendoring_imports import COPY
from vendoring_record import NAME, changes, local_edits, read_record
from vendoring_sources import find_sources, uncommitted
from workspace import ROOT

DONE, DIFFERS, REFUSED = range(3)


def vendor(name: str, destination: Path, *, update: bool = False, force: bool = False, root: Path = ROOT) -> list[str]:
    """Make or refresh the copy of a method in ``destination``, whole or not at all.

    Args:
        name: the method, such as ``nerdrain-derain``.
        destination: the folder to hold the folder of the copy; made if need be.
        update: refresh the copy that is there.
        force: with ``update``, even if files were edited there.
        root: the root of the repository to copy from.

    Returns:
        What was done, in lines.

    Raises:
        ValueError: if there is no such method, it cannot be vendored, the destination is taken or, with ``update``,
            holds no copy, one of a newer version, or one that was edited.
        OSError: if something cannot be read or written.
    """
    copy = make_copy(name, root)
    folder = _folder(copy, destination)
    edits: dict[str, str] = {}
    if update:
        record = read_record(folder)
        newer = record.newer_than(copy.record)
        if newer:
            raise ValueError(f"{folder}: the copy is newer than the sources ({newer}); remove it first to go back")
        edits = local_edits(folder, record, copy.record)
        if edits and not force:
            raise ValueError(f"{folder}: would lose {_listed(edits)}; --force overwrites what was edited")
        if not edits and not changes(record, copy.record):
            return [f"{folder}: up to date"]
    elif folder.exists():
        raise ValueError(f"{folder}: exists already; --update refreshes a copy")
    _write(copy, folder)
    parts = sum(path.startswith(COPY) and path.endswith(".py") for path in copy.files)
    return [
        *(f"overwritten: {path} ({what})" for path, what in edits.items()),
        f"{folder}: {name} {copy.record.version} with {parts} modules of visioncore {copy.record.visioncore}",
        f"it requires {', '.join(copy.record.requirements.needed)}",
    ]


def check(name: str, destination: Path, *, root: Path = ROOT) -> list[str]:
    """Return how the copy in ``destination`` differs from the sources, a line for each difference.

    Raises:
        ValueError: if there is no such method, it cannot be vendored, or the destination holds no copy.
    """
    copy = make_copy(name, root)
    folder = _folder(copy, destination)
    record = read_record(folder)
    differences = {**changes(record, copy.record)}
    for path, edit in local_edits(folder, record, copy.record).items():
        differences[path] = f"{edit}, {differences[path]}" if path in differences else edit
    return [f"{path}: {what}" for path, what in sorted(differences.items())]


def _folder(copy: Copy, destination: Path) -> Path:
    folder = (destination / copy.module).resolve()
    for source in copy.sources:
        if folder.is_relative_to(source.package.resolve()):
            raise ValueError(f"{folder}: lies inside the sources; name a folder elsewhere")
    return folder


def _write(copy: Copy, folder: Path) -> None:
    """Write the copy beside its place and let it take that place when it is whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = (folder.with_name(f".{folder.name}.{os.getpid()}.{kind}") for kind in ("partial", "old"))
    try:
        for path, content in {**copy.files, NAME: copy.record.to_text().encode()}.items():
            (fresh / path).parent.mkdir(parents=True, exist_ok=True)
            (fresh / path).write_bytes(content)
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def _listed(items: dict[str, str]) -> str:
    return ", ".join(f"{path} ({what})" for path, what in items.items())


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} (--help shows the options)")


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Make, refresh or check a copy; return the exit code."""
    parser = _Parser(prog="vendor.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("package", help="the method, such as nerdrain-derain")
    parser.add_argument("destination", type=Path, help="the folder to hold the copy")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--update", action="store_true", help="refresh the copy that is there")
    mode.add_argument("--check", action="store_true", help="say how the copy differs; exit code 1 if it does")
    parser.add_argument("--force", action="store_true", help="with --update: overwrite what was edited there")
    try:
        given = parser.parse_args(arguments)
        if given.force and not given.update:
            raise ValueError("--force goes with --update")
        dirty = uncommitted(find_sources(given.package, root))
        if dirty:
            raise ValueError(f"uncommitted changes in the sources, {', '.join(dirty)}; commit or stash them first")
        if given.check:
            differences = check(given.package, given.destination, root=root)
            lines = differences or ["the copy does not differ from the sources"]
        else:
            differences = []
            lines = vendor(given.package, given.destination, update=given.update, force=given.force, root=root)
    except (OSError, SyntaxError, ValueError) as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        return REFUSED
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return DIFFERS if differences else DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
