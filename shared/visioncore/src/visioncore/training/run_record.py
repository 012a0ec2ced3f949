"""run.json: the description of a run, so that another run is not resumed by mistake."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..files import write_text
from .config import LoopConfig

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FREE = frozenset(
    {"accumulate", "recompute", "cache_mb", "workers", "log_every", "validate_every", "checkpoint_every", "keep_last"}
)
"""Names that may differ between a run and its continuation, at any depth: they do not change what is computed
(``accumulate`` only its rounding)."""


def describe_run(
    method: str, recipe: DataclassInstance, starts: Mapping[str, str | Path | None] | None = None, **more: object
) -> dict[str, object]:
    """Identity of a run: the method and its recipe, beside the loop, which is described by itself.

    Args:
        method: its name.
        recipe: the whole configuration.
        starts: what the network is filled from at first, such as ``{"weights": path}``; None where it is not.
        more: what else changes what is computed, such as the number of samples.
    """
    settings = asdict(recipe)
    del settings["loop"]
    # by name alone: files may have moved when a run goes on
    given = {name: Path(start).name for name, start in (starts or {}).items() if start is not None}
    return {"method": method, "recipe": settings, **more, **given}


def write_record(path: Path, config: LoopConfig, description: Mapping[str, object] | None) -> None:
    """Write the settings and the description of a run."""
    write_text(path, json.dumps(_record(config, description), indent=2) + "\n")


def check_record(path: Path, config: LoopConfig, description: Mapping[str, object] | None, done: int) -> None:
    """Compare with what an earlier start of the run wrote; a finished run may be given more steps.

    Args:
        path: the file.
        config: the settings now.
        description: what else makes the run, now.
        done: steps of the newest run state.

    Raises:
        InputError: if a value that changes the numbers differs, or the file cannot be read.
    """
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: unreadable beside run states of its run; train in another folder") from error
    was, now = dict(_leaves(before)), dict(_leaves(_record(config, description)))
    differing = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    if differing == ["loop.steps"] and was["loop.steps"] == done < config.steps:
        write_record(path, config, description)
    elif differing:
        changes = ", ".join(f"{name} was {_shown(was, name)} and is {_shown(now, name)}" for name in differing[:3])
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        unfinished = " (it can be raised once the run is finished)" if differing == ["loop.steps"] else ""
        raise InputError(
            f"{path}: another run: {changes}{more}{unfinished}; train in another folder or start anew without resuming"
        )


def _record(config: LoopConfig, description: Mapping[str, object] | None) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(json.dumps({"loop": asdict(config), "run": description or {}}, default=str))
    return record


def _leaves(value: Any, name: str = "") -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        return [(name, value)]
    parts = [(key, part) for key, part in value.items() if key not in FREE]
    return [leaf for key, part in parts for leaf in _leaves(part, f"{name}.{key}" if name else key)]


def _shown(leaves: Mapping[str, Any], name: str) -> str:
    return json.dumps(leaves[name]) if name in leaves else "not given"
