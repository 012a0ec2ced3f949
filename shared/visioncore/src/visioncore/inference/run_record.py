"""Record of what a run was asked for and what came of it, in ``run.json`` beside its results."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..methods import Method
from ..ranks import rank_and_processes
from ..report.json_files import write_json

if TYPE_CHECKING:
    from .batch import Summary

RUN_FILE = "run.json"
LIBRARIES = ("visioncore", "torch", "numpy", "safetensors", "diffusers", "transformers", "open_clip", "av", "nibabel")
"""Libraries whose versions are told, those of them that the run has loaded."""


def run_file(out: Path, results: Iterable[Path] = ()) -> Path:
    """Return where the record of this process goes: of several processes, each but the first has one with its number.

    Where a result has that name, as of an input called ``run``, it is ``run.record.json``.

    Args:
        out: the folder.
        results: those that a run makes.
    """
    rank, _ = rank_and_processes()
    file = out / (f"run-{rank}.json" if rank else RUN_FILE)
    taken = file in set(results) or (file.is_file() and read_run(file) is None)
    return file.with_suffix(".record.json") if taken else file


def read_run(file: Path) -> dict[str, Any] | None:
    """Return the record that a file holds; None if it holds none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    whole = isinstance(found, dict) and {"method", "version", "done", "skipped", "failed"} <= found.keys()
    return found if whole else None


def write_run(method: Method, out: Path, settings: Mapping[str, Any] | None, summary: Summary, **further: Any) -> None:
    """Write the record of a run into the folder of its results.

    Args:
        method: whose run it was.
        out: the folder.
        settings: weights and options; None where ``further`` tells of them.
        summary: what was done, skipped and failed.
        further: more to be told.

    Raises:
        InputError: if it cannot be written.
    """
    about = {
        "method": method.name,
        "version": method.version,
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES if name in sys.modules},
        **({} if settings is None else {"settings": settings}),
        "done": [path.relative_to(out).as_posix() for path in summary.done],
        "skipped": [path.relative_to(out).as_posix() for path in summary.skipped],
        "failed": {str(path): reason for path, reason in summary.failed.items()},
    }
    write_json(run_file(out, [*summary.done, *summary.skipped]), about | further)


def _version(module: str) -> str:
    try:
        return version(module.replace("open_clip", "open_clip_torch"))
    except PackageNotFoundError:
        return str(getattr(sys.modules[module], "__version__", "unknown"))
