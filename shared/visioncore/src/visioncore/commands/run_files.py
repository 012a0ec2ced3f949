"""The record ``run.json`` beside the results of a command that takes inputs: what was asked for, what came of it."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping, Sequence
from functools import wraps
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ..cli import Command
from ..methods import Method
from ..weights.card import plain
from ..weights.places import digests_of, place_of_weights

NO_WEIGHTS = ("inputs", "out", "data", "driving")
"""Options whose files are no weights, whatever they are."""


def records_its_run(method: Method, command: Command) -> Command:
    """Return a command that writes ``run.json`` into the folder of its results.

    It tells of the command, its options, the weights with the digests of their files, the inputs, the results, and the
    inputs that failed, each with the reason; and of the versions of package, Python and libraries. Where ``out`` is the
    one result itself, none is written.

    Args:
        method: whose command it is.
        command: any; those without inputs are left as they are.
    """

    @wraps(command)
    def call(**options: Any) -> object:
        out, begun, clock = options.get("out"), datetime.datetime.now(datetime.UTC), time.monotonic()
        before = _written(out) if isinstance(out, Path) else None
        summary: Any = command(**options)
        if not isinstance(out, Path) or "inputs" not in options or not hasattr(summary, "failed") or not out.is_dir():
            return summary
        from ..inference.run_record import read_run, run_file, write_run

        # what the command has told of itself
        file = run_file(out, [*summary.done, *summary.skipped])
        told = (read_run(file) if _written(out) not in (before, None) else None) or {}
        facts = _facts(command.__name__, options, begun, time.monotonic() - clock)
        write_run(
            method, out, told.get("settings"), summary, **_further(told), **facts, weights=weights_of(method, options)
        )
        return summary

    return call


def record_skipped(method: Method, command: str, options: Mapping[str, Any], out: Path, results: Sequence[str]) -> None:
    """Write the record of a call that left nothing to do, unless the one that is there is of an equal call.

    Args:
        method: whose command it is.
        command: its name.
        options: of the call.
        out: the folder of results.
        results: those of the call, in the folder.
    """
    from ..inference.run_record import read_run, run_file, write_run

    if "inputs" not in options:
        return
    targets = [out / name for name in results]
    facts = _facts(command, options, datetime.datetime.now(datetime.UTC), 0.0)
    there = read_run(run_file(out, targets)) or {}
    if (there.get("command"), there.get("options")) == (facts["command"], plain(facts)["options"]):
        return
    summary: Any = SimpleNamespace(done=(), skipped=targets, failed={})
    write_run(method, out, None, summary, **facts, weights=weights_of(method, options))


def _facts(command: str, options: Mapping[str, Any], begun: datetime.datetime, seconds: float) -> dict[str, Any]:
    return {
        "command": command.replace("_", "-"),
        "begun": begun.isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "options": dict(options),
        "inputs": [str(each) for each in options["inputs"]],
    }


def weights_of(method: Method, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the weights that options name: {option: what was given, and the SHA-256 of each file}."""
    found: dict[str, dict[str, Any]] = {}
    for name, given in options.items():
        if not isinstance(given, str) or not given or name in NO_WEIGHTS:
            continue
        with place_of_weights(method, given, name) as place:
            if place is not None and (digests := digests_of(place)):
                found[name] = {"given": given, "sha256": digests}
    return found


def _further(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a record that are its command's own."""
    ours = ("method", "version", "python", "libraries", "settings", "done", "skipped", "failed", "inputs")
    return {name: value for name, value in told.items() if name not in ours}


def _written(out: Path) -> int | None:
    """Return when the record in a folder was written; None if there is none."""
    from ..inference.run_record import run_file

    file = run_file(out)
    return file.stat().st_mtime_ns if file.is_file() else None
