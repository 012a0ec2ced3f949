"""The command ``weights``: list the authors' files, fetch them, and print where they are."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..cli import complain, say
from ..configs import did_you_mean
from ..errors import InputError
from ..methods import Checkpoint, Method
from ..report import Table, print_table
from ..weights.fetched import file_name, find_checkpoint, place_of, require_place
from ..weights.fetching import fetch
from ..weights.sources import check_source


def list_checkpoints(method: Method, as_json: bool) -> None:
    """Print a table of the checkpoints of a method, and which of them are fetched."""
    if as_json:
        say(json.dumps([_facts(method, checkpoint) for checkpoint in method.checkpoints], indent=2))
    elif not method.checkpoints:
        say(f"{method.title}: no weights are published")
    else:
        table = Table(("name", "what it is", "size", "licence", "fetched"))
        for checkpoint in method.checkpoints:
            fetched = "yes" if place_of(method, checkpoint) else "no"
            table.add(checkpoint.name, checkpoint.what, _size(checkpoint), checkpoint.licence, fetched)
        print_table(table)
        say(f"{method.name} weights get NAME fetches one; then it is taken wherever weights are, by its name")


def get_checkpoint(method: Method, name: str, file: str, accept: bool) -> None:
    """Fetch a checkpoint and those that it needs beside it, once their terms are accepted.

    Args:
        method: whose it is.
        name: of the checkpoint.
        file: one that the user has downloaded, to be taken in place of a download; empty for none.
        accept: take the terms as accepted, without a question.

    Raises:
        InputError: if there is none of that name, the terms are not accepted, or it cannot be fetched.
    """
    wanted = named_checkpoint(method, name)
    needed = [*(named_checkpoint(method, beside) for beside in wanted.companions.values()), wanted]
    missing = [checkpoint for checkpoint in needed if place_of(method, checkpoint) is None]
    given = Path(file) if file else None
    if given is not None and not given.is_file():
        raise InputError(f"{given}: no such file")
    if downloads := [checkpoint for checkpoint in missing if not (given and checkpoint is wanted)]:
        for checkpoint in downloads:
            _show(checkpoint)
        if not accept:
            _ask(name)
        for checkpoint in downloads:
            check_source(checkpoint)
    for checkpoint in missing:
        fetch(method, checkpoint, given if checkpoint is wanted else None, say=complain)
    say(f"{name}: {require_place(method, wanted)}; to be given as --{wanted.option} {name}")


def print_place(method: Method, name: str) -> None:
    """Print the folder of a fetched network, or the file of a fetched backbone.

    Raises:
        InputError: if there is none of that name, or it is not fetched yet.
    """
    say(str(require_place(method, named_checkpoint(method, name))))


def named_checkpoint(method: Method, name: str) -> Checkpoint:
    """Return the checkpoint of a name.

    Raises:
        InputError: if there is none; the text names those that there are.
    """
    found = find_checkpoint(method, name)
    if found is None:
        names = [checkpoint.name for checkpoint in method.checkpoints]
        hint = did_you_mean(name, names).strip() or f"there are {', '.join(names) or 'none'}"
        raise InputError(f"no published weights are called {name!r}; {hint}" if name else f"which weights? {hint}")
    return found


def _show(checkpoint: Checkpoint) -> None:
    lines = {
        "from": f"{checkpoint.address}{f', {checkpoint.inside}' if checkpoint.inside else ''}",
        "size": _size(checkpoint),
        "licence": checkpoint.licence,
        "terms": checkpoint.terms,
        "checked": f"tensors and SHA-256 ({checkpoint.sha256 or 'not known: that of the first download counts'})",
    }
    say(f"{checkpoint.name}: {checkpoint.what}")
    for what, said in lines.items():
        say(f"  {what:<8}  {said}")


def _ask(name: str) -> None:
    if not sys.stdin.isatty():
        raise InputError(f"{name}: not fetched; --accept says that you accept licence and terms")
    say("Accept licence and terms, and download? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise InputError(f"{name}: not fetched, for licence and terms were not accepted")


def _size(checkpoint: Checkpoint) -> str:
    return "not known" if checkpoint.size is None else f"{checkpoint.size / 1e6:,.0f} MB"


def _facts(method: Method, checkpoint: Checkpoint) -> dict[str, Any]:
    place = place_of(method, checkpoint)
    facts = {name: value for name, value in asdict(checkpoint).items() if name != "reads"}
    return {**facts, "file": file_name(checkpoint), "fetched": None if place is None else str(place)}
