"""Record of what a run was asked for and what came of it, in ``run.json`` beside its results."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..methods import Method
from ..ranks import rank_and_processes
from ..report.json_files import write_json
from .batch import Summary

RUN_FILE = "run.json"


def write_run(method: Method, out: Path, settings: Mapping[str, Any], summary: Summary, **further: Any) -> None:
    """Write the record of a run into the folder of its results; of several processes, the first writes its own.

    Args:
        method: whose run it was.
        out: the folder.
        settings: weights and options.
        summary: what was done, skipped and failed.
        further: more to be told.

    Raises:
        InputError: if it cannot be written.
    """
    if rank_and_processes()[0]:
        return
    names = ("torch", "diffusers", "transformers")
    about = {
        "method": method.name,
        "version": method.version,
        "libraries": {name: version(name) for name in names},
        "settings": settings,
        "done": [path.relative_to(out).as_posix() for path in summary.done],
        "skipped": [path.relative_to(out).as_posix() for path in summary.skipped],
        "failed": {str(path): reason for path, reason in summary.failed.items()},
    }
    write_json(out / RUN_FILE, about | further)
