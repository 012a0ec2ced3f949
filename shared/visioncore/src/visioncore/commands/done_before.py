"""Calls that were made before, and of which all results are there: they need neither torch nor weights."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterator, Mapping
from functools import wraps
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from ..cli import DONE, Command, say
from ..files import matching, walk
from ..inference.record import RECORDS, BatchRecord
from ..methods import Method
from ..ranks import rank_and_processes
from ..weights.fetched import find_checkpoint, place_of
from .run_files import record_skipped

LISTS = (".csv", ".json", ".jsonl", ".txt", ".yaml", ".yml")
"""Files that may name others, whose changes would not show."""


class _UncertainError(Exception):
    """A call that depends on more than files here."""


def skips_what_is_done(method: Method, command: Command) -> Command:
    """Return a command that does nothing where an equal call left nothing to do; else it runs.

    Equal means: the same options, and files of inputs and weights that are where they were, as long and as old. A call
    is remembered where no input failed, in the record beside the results.

    Args:
        method: whose command it is.
        command: any; those without ``overwrite``, and calls with it, always run.
    """

    @wraps(command)
    def call(**options: Any) -> object:
        key = None if options.get("overwrite", True) else _key(method, command.__name__, options)
        out = options.get("out")
        if key is None or not isinstance(out, Path):
            return command(**options)
        if any(out.glob(RECORDS)) and (results := BatchRecord(out, {}).recall(key)) is not None:
            record_skipped(method, command.__name__, options, out, results)
            say(f"0 done, {len(results)} skipped as done before, 0 failed; results in {out}")
            return DONE
        result = command(**options)
        targets = [*getattr(result, "done", ()), *getattr(result, "skipped", ())]
        whole = targets and not getattr(result, "failed", True) and any(out.glob(RECORDS))
        # files that came or went meanwhile are none that the call has seen
        if whole and _key(method, command.__name__, options) == key:
            BatchRecord(out, {}).remember(key, targets)
        return result

    return call


def _key(method: Method, name: str, options: Mapping[str, Any]) -> str | None:
    """Return a digest of a call and of all files it depends on; None if it depends on more than files here."""
    if rank_and_processes()[1] > 1:
        return None
    digest = hashlib.sha256(name.encode())
    try:
        for option, value in sorted(options.items()):
            digest.update(f"\n{option} {value!r}".encode("utf-8", "surrogateescape"))
            if option == "out":
                continue
            for text in _texts(value):
                stands = sorted(_files_behind(method, text, Path(options["out"])))
                if not stands and (option == "weights" or "/" in text):
                    return None  # perhaps on a hub
                digest.update("\n".join(stands).encode("utf-8", "surrogateescape"))
    except (_UncertainError, OSError):
        return None
    return digest.hexdigest()[:24]


def _texts(value: Any) -> Iterator[str]:
    """Return the texts in an option."""
    if isinstance(value, str | Path):
        if str(value):
            yield str(value)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _texts(each)


def _files_behind(method: Method, text: str, out: Path) -> Iterator[str]:
    """Return a line for each file that a text may stand for: a path, a pattern, weights that are bundled or fetched."""
    path = Path(text)
    if path.is_file() and path.suffix.lower() in LISTS:
        raise _UncertainError
    if path.exists():
        yield from _listed(path, out)
    elif glob.has_magic(text):
        for found in matching(text):
            yield from _listed(Path(found), out)
    if len(path.parts) == 1:
        with as_file(files(method.module) / "assets" / text) as folder:
            if folder.is_dir():
                yield from _listed(folder, out)
    checkpoint = find_checkpoint(method, text)
    if checkpoint is not None and (place := place_of(method, checkpoint)):
        yield from _listed(place, out)


def _listed(path: Path, out: Path) -> Iterator[str]:
    """Return path, length and age of a file, or of all below a folder but for what is in ``out``."""
    if not path.is_dir():
        yield _line(path)
        return
    results = out.resolve()
    for folder, names in walk(path):
        if results not in (real := folder.resolve(), *real.parents):
            yield from map(_line, names)


def _line(path: Path) -> str:
    stat = path.stat()
    return f"{path.absolute()} {stat.st_size} {stat.st_mtime_ns}"
